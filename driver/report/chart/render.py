"""Writes a picture's specification as TARGET.html, TARGET.svg and TARGET.png: render.py SPECIFICATION TARGET

The page needs nothing but itself: Vega comes from the bundle in vl-convert, the data from the specification.
"""

import json
import os
import sys
from pathlib import Path

import vl_convert

VEGA_LITE = "6.4"
HERE = Path(__file__).resolve().parent


def theme(name):
    """Vega's configuration in the colours of a theme, which it names as "$ink"."""
    themes = json.loads((HERE / "themes.json").read_text(encoding="utf-8"))
    colours = themes["colours"][name]

    def painted(value):
        if isinstance(value, dict):
            return {key: painted(one) for key, one in value.items()}
        return colours[value[1:]] if isinstance(value, str) and value.startswith("$") else value

    return painted(themes["config"])


def for_script(value):
    """JSON that neither ends the script that it stands in nor is anything but JSON there."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def vega():
    """Vega for a page, which takes more than a second to bundle: kept beside the library that does so."""
    kept = Path(sys.prefix) / f"vega-{VEGA_LITE}-{vl_convert.__version__}.js"
    if not kept.exists():
        bundle = vl_convert.javascript_bundle(vl_version=VEGA_LITE)
        try:
            write(kept, bundle.encode())
        except OSError:
            return bundle
    return kept.read_text(encoding="utf-8")


def page(spec, light, dark):
    html = (HERE / "report.html").read_text(encoding="utf-8")
    bundle = vega()
    # Each placeholder stands once, and what took the place of one is not searched for the next.
    for name, text in (("bundle", bundle), ("spec", spec), ("light", light), ("dark", dark)):
        before, after = html.split(f"/*{name}*/")
        html = before + (text if name == "bundle" else for_script(text)) + after
    return html


def write(path, content):
    """All of it or nothing: somebody may be looking at the last one."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def is_free(target):
    """Nothing stands there but a picture drawn before: a file of records may have another's chart beside it."""
    html = Path(f"{target}.html")
    if html.exists():
        return "<title>terabit</title>" in html.read_text(encoding="utf-8", errors="replace")[:2000]
    return not any(Path(f"{target}.{kind}").exists() for kind in ("svg", "png"))


def main(specification, target):
    spec = json.loads(Path(specification).read_text(encoding="utf-8"))
    if spec is None:
        sys.exit("there is nothing to draw")
    if not is_free(target):
        sys.exit(f"{target}.html, .svg or .png is there already, and is not terabit's")
    light, dark = theme("light"), theme("dark")
    svg = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, config=light, allowed_base_urls=[])
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    write(Path(f"{target}.html"), page(spec, light, dark).encode())
    write(Path(f"{target}.svg"), svg.encode())
    write(Path(f"{target}.png"), vl_convert.svg_to_png(svg, scale=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
