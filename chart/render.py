"""Writes a picture's specification as FOLDER/NAME.html, .svg and .png: render.py SPECIFICATION FOLDER NAME

The page needs nothing but itself: Vega comes from the bundle in vl-convert, the data from the specification.
"""

import json
import sys
from pathlib import Path

import vl_convert

VEGA_LITE = "6.4"
HERE = Path(__file__).resolve().parent


def for_script(value):
    """JSON that neither ends the script that it stands in nor is anything but JSON there."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def page(spec, light, dark):
    html = (HERE / "report.html").read_text(encoding="utf-8")
    bundle = vl_convert.javascript_bundle(vl_version=VEGA_LITE)
    # Each placeholder stands once, and what took the place of one is not searched for the next.
    for name, text in (("bundle", bundle), ("spec", spec), ("light", light), ("dark", dark)):
        before, after = html.split(f"/*{name}*/")
        html = before + (text if name == "bundle" else for_script(text)) + after
    return html


def write(path, content):
    """All of it or nothing: somebody may be looking at the last one."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def main(specification, folder, name):
    spec = json.loads(Path(specification).read_text(encoding="utf-8"))
    light, dark = (json.loads((HERE / f"{scheme}.json").read_text(encoding="utf-8")) for scheme in ("light", "dark"))
    target = Path(folder) / name
    svg = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, config=light, allowed_base_urls=[])
    write(target.with_suffix(".html"), page(spec, light, dark).encode())
    write(target.with_suffix(".svg"), svg.encode())
    write(target.with_suffix(".png"), vl_convert.svg_to_png(svg, scale=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
