"""A short round of the fuzz bench, its seed fixed: damage ends neither in silence nor untyped."""

from pathlib import Path

from bench.fuzz.run import Fuzzing, seeds_in

DEMO = Path(__file__).parents[2] / "data" / "demo"
CASES = 150


async def test_damaged_files_end_in_a_type_and_harm_no_neighbour(tmp_path: Path) -> None:
    fuzzing = Fuzzing(tmp_path, seed=20_261_125, seeds=seeds_in([DEMO]))

    results = await fuzzing.run(range(CASES))

    assert results.faults == []
    assert results.ends.total() == CASES
    assert results.ends["document_corrupt"] > 0  # it was damage
    assert results.ends["completed"] > 0  # and not so much that nothing is read
    assert len(results.neighbour_seconds) > 0
