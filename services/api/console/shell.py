"""The one HTML page of the console; the modules that it names ask the REST API for the rest."""

from html import escape

from api.console.assets import Assets

STATIC_PATH = "/static/console"
STYLES = ("css/tokens.css", "css/base.css", "css/layout.css", "css/components.css", "css/pages.css")
# The PDF viewer is loaded when a page of a PDF is looked at.
LATER = "vendor/pdfjs/"


def shell(assets: Assets) -> str:
    """Names every module, so that the browser fetches all at once instead of one after another."""
    root = f"{STATIC_PATH}/{assets.version}"
    modules = [
        name
        for name in assets.files
        if name.endswith(".js") and not name.startswith(LATER) and name != "theme.js"
    ]
    preload = "\n".join(_tag("link", rel="modulepreload", href=f"{root}/{it}") for it in modules)
    styles = "\n".join(_tag("link", rel="stylesheet", href=f"{root}/{it}") for it in STYLES)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sluice</title>
<link rel="icon" href="{root}/icon.svg" type="image/svg+xml">
<script src="{root}/theme.js"></script>
{styles}
{preload}
<script type="module" src="{root}/app.js"></script>
</head>
<body>
<div id="app"></div>
<noscript><p class="noscript">The console needs JavaScript. Everything it does is a call of the REST
API as well: <a href="/docs">the API's documentation</a>.</p></noscript>
</body>
</html>
"""


def policy(bucket_origin: str) -> str:
    """No script, style or connection but our own; files travel to and from the bucket directly."""
    return "; ".join([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        f"connect-src 'self' {bucket_origin}",
        "worker-src 'self' blob:",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ])  # fmt: skip


# A worker has the policy of its own file. This one unpacks images by WebAssembly and fetches fonts.
WORKER_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; "
    "frame-ancestors 'none'"
)


def _tag(name: str, **attributes: str) -> str:
    given = " ".join(f'{key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name} {given}>"
