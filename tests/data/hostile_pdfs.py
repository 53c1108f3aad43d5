"""PDFs made to hurt their reader, written object by object."""

import zlib

MIB = 1024 * 1024


def objects(*bodies: bytes) -> bytes:
    """A PDF of these objects, the first its catalogue."""
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(bodies) + 1
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n"
        b"%%%%EOF\n" % (size, table, size, len(out))
    )


CATALOGUE = b"<< /Type /Catalog /Pages 2 0 R >>"
ONE_PAGE = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"


def stream(content: bytes, keys: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), keys, content)


def flate_bomb_pdf() -> bytes:
    """One page's content unpacks to 300 MiB, being packed twice."""
    packer = zlib.compressobj(1)
    once = b"".join(packer.compress(b" " * MIB) for _ in range(300)) + packer.flush()
    content = stream(zlib.compress(once), b"/Filter [/FlateDecode /FlateDecode]")
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>"
    return objects(CATALOGUE, ONE_PAGE, page, content)


def nested_forms_pdf() -> bytes:
    """Each of 30 forms draws the next one ten times."""
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /XObject << /X 5 0 R >> >> >>"
    )
    forms = [
        stream(
            b"/X Do " * 10,
            b"/Type /XObject /Subtype /Form /BBox [0 0 9 9]"
            b" /Resources << /XObject << /X %d 0 R >> >>" % number,
        )
        for number in range(6, 35)
    ]
    last = stream(b"", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9]")
    return objects(CATALOGUE, ONE_PAGE, page, stream(b"/X Do"), *forms, last)


def page_loop_pdf() -> bytes:
    return objects(CATALOGUE, b"<< /Type /Pages /Kids [3 0 R] /Count 1000 >>",
                   b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1000 >>")  # fmt: skip


def million_pages_pdf() -> bytes:
    """A tree of three levels, each a hundred times the same branch."""
    tree = [
        b"<< /Type /Pages %s /Kids [%s] /Count %d >>"
        % (b"" if at == 2 else b"/Parent %d 0 R" % (at - 1), b"%d 0 R " % (at + 1) * 100, count)
        for at, count in ((2, 10**6), (3, 10**4), (4, 100))
    ]
    return objects(CATALOGUE, *tree, b"<< /Type /Page /Parent 4 0 R /MediaBox [0 0 595 842] >>")
