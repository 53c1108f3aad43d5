"""Which version this is, as the server's logs see it."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("sluice")
except PackageNotFoundError:  # a copy of the folder, not an installed package
    VERSION = "0"
USER_AGENT = f"sluice-client/{VERSION}"
