"""Files into a dataset: what is sent, what is not, and what happens when it breaks off."""

import os
from pathlib import Path

import pytest

from sluice import AsyncClient, FileState, NothingToUpload, Unauthenticated
from sluice.uploading.files import collect
from sluice.uploading.uploader import Order
from support.small_sluice import KEY, PART_BYTES, Fault, SmallSluice, serving

PARTED = Order(parallel=2, large_bytes=2 * PART_BYTES)


async def test_a_folder_is_sent_under_its_paths_and_the_second_time_not_at_all(
    server: SmallSluice, client: AsyncClient, folder: Path
) -> None:
    first = await client.upload(folder, dataset="papers")
    os.utime(folder / "a.txt")
    second = await client.upload([folder], dataset="papers")
    (folder / "a.txt").write_text("alphA")
    third = await client.upload(folder, dataset="papers")

    assert server.objects == {"a.txt": b"alphA", "sub/b.txt": b"beta"}
    assert [len(report.uploaded) for report in (first, second, third)] == [2, 0, 1]
    assert all(file.state is FileState.COMPLETED for file in (*first.files, *second.files))
    assert len(second.unchanged) == 2
    assert len(server.datasets) == 1


async def test_one_bad_file_spoils_none_of_the_others(
    server: SmallSluice, client: AsyncClient, folder: Path
) -> None:
    (folder / "bad.pdf").write_text("it fails")
    (folder / "wrong\\name.txt").write_text("it is refused")
    server.faults["/bucket/a.txt"] = [Fault(400)]

    report = await client.upload(folder, dataset="papers")

    assert {file.file_name: file.error_code for file in report.failed} == {
        "a.txt": "upload_refused",
        "bad.pdf": "document_corrupt",
        "wrong\\name.txt": "invalid_request",
    }
    assert [file.file_name for file in report.files if not file.error_code] == ["sub/b.txt"]
    assert not report.ok


async def test_a_url_that_expired_is_asked_for_anew(
    server: SmallSluice, client: AsyncClient, folder: Path
) -> None:
    server.faults["/bucket/a.txt"] = [Fault(503), Fault(403)]

    report = await client.upload(folder / "a.txt", dataset="papers")

    assert report.ok
    assert [(f.bytes_sent, f.size) for f in report.files] == [(5, 5)]
    assert len(server.requests("POST", "/uploads")) == 2


async def test_a_large_file_goes_on_where_it_broke_off(
    server: SmallSluice, client: AsyncClient, tmp_path: Path
) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(5 * PART_BYTES + 7))
    server.faults["/part/4"] = [Fault(403)] * 3  # as many times as a URL is asked for
    files = collect([path])

    broken = await client.upload_files(files, dataset="papers", order=PARTED)
    there = set(server.parts)
    server.seen.clear()
    whole = await client.upload_files(files, dataset="papers", order=PARTED)
    sent = {each.path for each in server.seen if each.method == "PUT"}
    server.seen.clear()
    again = await client.upload_files(files, dataset="papers", order=PARTED)

    assert [file.error_code for file in broken.files] == ["upload_refused"]
    assert whole.ok
    assert server.objects["large.bin"] == path.read_bytes()
    assert sent == {f"/part/{number}" for number in range(1, 7) if number not in there}
    assert there
    assert whole.files[0].bytes_sent == whole.files[0].size
    assert len(again.unchanged) == 1
    assert server.requests("PUT", "") == []


async def test_parts_of_a_file_that_changed_are_dropped(
    server: SmallSluice, client: AsyncClient, tmp_path: Path
) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(3 * PART_BYTES))
    server.faults["/part/3"] = [Fault(403)] * 3
    broken = await client.upload_files(collect([path]), dataset="papers", order=PARTED)
    path.write_bytes(os.urandom(3 * PART_BYTES + 1))

    whole = await client.upload_files(collect([path]), dataset="papers", order=PARTED)

    assert (broken.ok, whole.ok) == (False, True)
    assert len(server.requests("POST", "/abort")) == 1
    assert server.objects["large.bin"] == path.read_bytes()


async def test_a_server_without_parts_gets_a_large_file_in_one_piece(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(3 * PART_BYTES))
    async with (
        serving(SmallSluice(multipart=False)) as server,
        AsyncClient(server.url, KEY, memory=tmp_path / "memory") as client,
    ):
        report = await client.upload_files(collect([path]), dataset="papers", order=PARTED)

    assert report.ok
    assert server.objects["large.bin"] == path.read_bytes()


async def test_what_holds_for_every_file_ends_the_upload(
    server: SmallSluice, client: AsyncClient, folder: Path
) -> None:
    server.faults["/uploads"] = [Fault(401, body={"code": "unauthenticated"})]

    with pytest.raises(Unauthenticated):
        await client.upload(folder, dataset="papers")


def test_names_are_paths_below_what_was_named(folder: Path, tmp_path: Path) -> None:
    def names(*paths: Path | str, hidden: bool = False) -> list[str]:
        return [file.name for file in collect(paths, hidden=hidden)]

    assert names(folder) == ["a.txt", "sub/b.txt"]
    assert names(folder, hidden=True) == [".hidden", "a.txt", "sub/b.txt"]
    assert names(folder / "sub" / "b.txt") == ["b.txt"]
    assert names(f"{tmp_path}/pap*/**/*.txt") == ["papers/a.txt", "papers/sub/b.txt"]
    assert names(folder, folder / "a.txt") == ["a.txt", "sub/b.txt"]
    (tmp_path / "a.txt").write_text("another")
    for paths in ((folder, tmp_path / "a.txt"), (tmp_path / "none",), (f"{tmp_path}/*.none",)):
        with pytest.raises(NothingToUpload):
            names(*paths)
