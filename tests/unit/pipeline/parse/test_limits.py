"""What a document may use, by its size."""

from pipeline.parse.limits import GIB, MIB, ParseLimits
from pipeline.policy import Policy


def test_the_largest_file_has_hours_and_a_common_one_the_time_that_was_set() -> None:
    limits = ParseLimits(wall_seconds=600, cpu_seconds=500)

    assert limits.for_file(3 * MIB) == limits
    assert limits.for_file(5 * GIB).wall_seconds > 5_000
    assert limits.for_file(5 * GIB).cpu_seconds > 5_000
    assert limits.for_file(5 * GIB).silence_seconds == limits.silence_seconds


def test_the_largest_file_that_is_taken_fits_a_documents_other_limits() -> None:
    size, table_growth, characters_a_chunk = Policy().file_bytes_max, 3, 800

    assert ParseLimits().characters_max > size * table_growth
    assert Policy().chunks_max > size * 2 / characters_a_chunk
