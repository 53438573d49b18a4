"""Makes what a learner wrote, and what a learner's code displayed, harmless on the pages that show it.

nbconvert, and nbgrader's formgrader with it, puts HTML and JavaScript of a notebook into the page as they are. So
outputs are built afresh here from a closed list of kinds, and Markdown is rendered as nbconvert would render it and
passes only if every tag of the result is of a form that is known to do nothing. Nothing here loads from another
host: a picture that is elsewhere becomes a link to it.
"""

from __future__ import annotations

import base64
import functools
import html
import io
import re
import urllib.parse
from collections.abc import Callable, Collection, Iterator
from typing import Any

import nh3
from mistune.util import escape_url
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from PIL import Image

OUTPUTS = 100  # a cell
TEXT = 100_000  # characters of one output, or of one text
TEXTS = 400_000  # characters of all outputs of a cell
PICTURE = 4_000_000  # bytes
PICTURES = 12_000_000  # bytes in all outputs of a cell
PIXELS = 16_000_000
DRAWN = 400_000_000  # pixels of all pictures of a notebook
SCANS = 100  # of a JPEG: each goes over the whole picture once more
PASTED, PASTED_PIXELS = 8_000_000, 64_000_000  # bytes and pixels of a picture in Markdown: a photo of a drawing
MOST_PASTED = 200  # attachments of a cell that are looked at
SIDE = 4_000  # the widest that a page is asked to show a picture, in CSS pixels
LINES = 100  # of a traceback

# Chains of these few are what a terminal colours text with. nbconvert's own reading of others stops with an error.
_COLOURS = r"\x1b\[(?:(?:[0-9]|[12][0-9]|3[0-79]|4[0-79]|9[0-7]|10[0-7]|[34]8;5;[0-9]{1,3})(?:;(?=[0-9])|(?=m)))*m"
_COLOUR = re.compile(_COLOURS)
_ESCAPE = re.compile(rf"({_COLOURS})|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]?|\x1b.?", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")

# What MathJax would make a link, a style, an id or a load of.
_TEX = re.compile(r"\\(?=(bbox|class|cssId|data|href|html\w*|includegraphics|mmlToken|require|style|url)(?![a-zA-Z]))")
_JOINER = "\u2060"  # invisible; parts the backslash from the name

Attachments = dict[str, dict[str, str]]  # name to MIME type to base64, as nbformat has them
_SHOWN = ("png", "jpeg", "gif", "webp")
_RASTER = rf"image/(?:{'|'.join(_SHOWN)});"
DATA_URL = re.compile(rf"data:image/({'|'.join(_SHOWN)}|svg\+xml);base64,([A-Za-z0-9+/=\s]*)")
_SVG = re.compile(r"(?>(?:\s+|<\?xml[^>]{0,500}>|<!--(?>.*?-->))*)<svg\b", re.DOTALL)
_FILE_NAME = re.compile(r"[\w .,()+~%\xa0\u202f-]{1,150}")


def clean_text(value: Any, limit: int = TEXT) -> str:
    """``value`` as text that can be written and shown: no control characters, no lone surrogates, cut at ``limit``.

    A list of texts is joined. Anything else is nothing. Colours of a terminal stay; a line that was overwritten
    (a progress bar) shows its last state.
    """
    value = _whole(value)
    if not isinstance(value, str):
        return ""
    kept = limit if len(value) <= limit else max(0, limit - 80)  # room to say so: what is cut once stays as it is
    text = value[:kept].replace("\r\n", "\n")
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    if "\x1b" in text:
        few = len(_COLOUR.findall(text)) <= 2_000  # each costs nbconvert a copy of what follows
        text = _ESCAPE.sub(lambda found: (found[1] or "") if few else "", text)
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))
    return f"{text}\n[cut here: {len(value) - kept:,} more characters are not shown]" if kept < len(value) else text


class Canvas:
    """What may still be drawn of a notebook: a small file can hold a large picture, and each is drawn anew."""

    def __init__(self) -> None:
        self.pixels = DRAWN


def clean_outputs(outputs: Any, *, ours: bool = False, canvas: Canvas | None = None) -> tuple[dict[str, Any], ...]:
    """Outputs of a cell, in nbformat 4, that can do nothing but be looked at. Takes anything; never raises.

    Texts, errors, tables and pictures stay. Of everything else, its plain text does. ``ours`` are outputs of the
    judge: what it marks as meant for the instructor keeps its mark. Cells of one notebook share a ``canvas``.
    """
    made: list[dict[str, Any]] = []
    budget = _Budget(canvas or Canvas())
    given = list(_joined(outputs)) if isinstance(outputs, list | tuple) else []
    shown = given if len(given) <= OUTPUTS else given[: OUTPUTS - 1]
    for output in shown:
        try:
            clean = _output(output, budget, ours)
        except Exception:  # whatever it was: the page goes on without it
            clean = _said("[an output that cannot be shown]")
        if made and clean and clean["output_type"] == "stream" and clean["name"] == made[-1].get("name"):
            made[-1]["text"] += clean["text"]  # what stood between them shows nothing
        elif clean is not None:
            made.append(clean)
        if budget.texts <= 0:
            made.append(_said("[the rest of the output is too long to be shown]"))
            break
    else:
        if len(shown) < len(given):
            made.append(_said(f"[{len(given) - len(shown):,} more outputs are not shown]"))
    return tuple(made)


def clean_html(source: str, canvas: Canvas | None = None) -> str:
    """HTML with what shows a table, a text or a picture, and nothing else; pandas' styles stay."""
    canvas = canvas or Canvas()
    opened = re.split(r"<style[^>]{0,200}>", source, flags=re.IGNORECASE)[1:]
    sheets = "\n".join(filter(None, (_rules(sheet.partition("</")[0]) for sheet in opened)))
    body = nh3.clean(
        source,
        tags=_TAGS,
        clean_content_tags={"script", "style", "template", "noscript", "iframe", "object", "title", "textarea", "xmp"},
        attributes=_ATTRIBUTES,
        attribute_filter=functools.partial(_attribute, canvas),
        url_schemes={"http", "https", "mailto", "data"},
        url_relative="deny",
        generic_attribute_prefixes=set(),
        id_prefix=_ID_PREFIX,
    )
    return (f"<style>{sheets}</style>" if sheets else "") + _TEX.sub("\\\\" + _JOINER, body)


def clean_attachments(attachments: Any) -> Attachments:
    """The PNG, JPEG, GIF and WebP pictures among what was pasted into a Markdown cell, unchanged. Never raises.

    Their names are those by which nbconvert looks for them: as an address has them.
    """
    made: Attachments = {}
    for name, kinds in list(attachments.items())[:MOST_PASTED] if isinstance(attachments, dict) else ():
        if isinstance(name, str) and _FILE_NAME.fullmatch(name) and isinstance(kinds, dict):
            for kind in _SHOWN:
                if raw := _decoded(kind, kinds.get(f"image/{kind}"), PASTED, PASTED_PIXELS):
                    made[escape_url(name)] = {f"image/{kind}": base64.b64encode(raw).decode()}
                    break
    return made


def clean_raw(source: Any) -> str:
    """The source of a raw cell as text: nbconvert puts raw cells into the page with few tags taken out."""
    return clean_text(source).replace("<", "&lt;")


def clean_markdown(source: Any, attachments: Attachments | None = None, names: Collection[str] | None = None) -> str:
    """Markdown that nbconvert renders without script, style, form, foreign load or harmful link. Never raises.

    Honest text comes back as it was. Otherwise pictures from elsewhere become links, then tags are shown as text,
    then links, and in the last resort the whole is shown as it was typed. ``attachments`` are the cell's, clean.
    ``names`` are the ``grade_id`` of the notebook's cells: no heading may take one for its id, or formgrader writes
    the marks of the one into the other. Without them, no heading keeps an id that could be one.
    """
    source = _whole(source)
    if not isinstance(source, str):
        return ""
    pictures = sum(len(found[0]) for found in DATA_URL.finditer(source[: 2 * PICTURE]))
    text = clean_text(source, TEXT + min(pictures, 2 * PICTURE)) if _untidy(source, TEXT + pictures) else source
    if _tangled(text):
        return _as_typed(text)
    attachments = attachments or {}
    for edit in _REPAIRS:
        text = edit(text, attachments)
        if _passes(text, attachments, names):
            return text
    typed = _as_typed(text)
    return typed if _passes(typed, {}, names) else "*(A text that cannot be shown.)*"


# --- outputs


class _Budget:
    """What is left of a cell's share of the page."""

    def __init__(self, canvas: Canvas) -> None:
        self.texts = TEXTS
        self.pictures = PICTURES
        self.canvas = canvas

    def text(self, value: Any) -> str:
        text = clean_text(value, max(0, min(TEXT, self.texts)))
        self.texts -= len(text)
        return text


def _joined(outputs: list[Any] | tuple[Any, ...]) -> Iterator[Any]:
    """The outputs, with neighbours of one stream as one: a loop that prints makes thousands."""
    name, parts = "", list[Any]()
    for output in outputs:
        if isinstance(output, dict):
            output = dict.copy(output)  # whatever class it is of
        stream = isinstance(output, dict) and output.get("output_type") == "stream"
        this = ("stderr" if output.get("name") == "stderr" else "stdout") if stream else ""
        if name and this != name:
            yield {"output_type": "stream", "name": name, "text": parts}
            parts = []
        name = this
        if stream:
            text = output.get("text")
            parts.extend(text if isinstance(text, list | tuple) else [text])
        else:
            yield output
    if name:
        yield {"output_type": "stream", "name": name, "text": parts}


def _whole(value: Any) -> Any:
    """``value``, but a text that is in a list of parts, as nbformat writes it, in one."""
    return "".join(part for part in value if isinstance(part, str)) if isinstance(value, list | tuple) else value


def _said(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text + "\n"}


def _output(output: Any, budget: _Budget, ours: bool) -> dict[str, Any] | None:
    kind = output.get("output_type") if isinstance(output, dict) else None
    if kind == "stream":
        text = budget.text(output.get("text"))
        return {"output_type": "stream", "name": output["name"], "text": text} if text else None
    if kind == "error":
        lines = output.get("traceback")
        lines = lines if isinstance(lines, list | tuple) else []
        if len(lines) > LINES:
            half = LINES // 2 - 1
            lines = [*lines[:half], f"[{len(lines) - 2 * half:,} lines are not shown]", *lines[-half:]]
        name, value = (clean_text(output.get(part), 10_000) for part in ("ename", "evalue"))
        return {
            "output_type": "error",
            "ename": name or "Error",
            "evalue": value,
            "traceback": [budget.text(line) for line in lines] or [f"{name or 'Error'}: {value}"],
        }
    if kind not in ("display_data", "execute_result"):
        return None
    given = output.get("data")
    data, metadata = _data(given if isinstance(given, dict) else {}, output.get("metadata"), budget)
    if not data:
        return None
    if ours and isinstance(output.get("metadata"), dict) and output["metadata"].get("moi") == {"for": "instructor"}:
        metadata["moi"] = {"for": "instructor"}
    made: dict[str, Any] = {"output_type": kind, "data": data, "metadata": metadata}
    if kind == "execute_result":
        count = output.get("execution_count")
        made["execution_count"] = count if type(count) is int and 0 <= count < 10**9 else None
    return made


def _data(given: dict[Any, Any], metadata: Any, budget: _Budget) -> tuple[dict[str, str], dict[str, Any]]:
    """The richest form that can be shown, with its size if it is a picture, and the plain text."""
    data: dict[str, str] = {}
    sizes: dict[str, Any] = {}
    plain = budget.text(given["text/plain"]) if "text/plain" in given else None
    for mimetype in ("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/latex"):
        if mimetype not in given:
            continue
        rich = _rich(mimetype, given[mimetype], budget)
        if rich is None:
            continue
        if mimetype == "image/svg+xml":
            mimetype = "text/html"
        data[mimetype] = rich
        if mimetype.startswith("image/") and (size := _size(metadata, mimetype)):
            sizes[mimetype] = size
        break
    if plain is not None:
        data["text/plain"] = plain
    elif given and not data:
        kinds = ", ".join(sorted(str(kind)[:60] for kind in list(given)[:5] if isinstance(kind, str)))
        data["text/plain"] = budget.text(f"[an output that is not shown here: {kinds or 'of no known kind'}]")
    return data, sizes


def _rich(mimetype: str, value: Any, budget: _Budget) -> str | None:
    """``value`` made harmless, or ``None`` where nothing of it can be shown."""
    value = _whole(value)
    if not isinstance(value, str) or len(value) > 2 * PICTURE:
        return None
    if mimetype.startswith("image/"):
        found = _picture(mimetype.removeprefix("image/"), value, budget.canvas) if budget.pictures > 0 else None
        budget.pictures -= len(found or "")
        if found and mimetype == "image/svg+xml":
            return f'<img src="data:image/svg+xml;base64,{found}" alt="">'
        return found
    carried = sum(len(found[0]) for found in DATA_URL.finditer(value))
    if len(value) - carried > min(TEXT, budget.texts) or carried > max(0, budget.pictures):
        return None
    budget.texts -= len(value) - carried
    budget.pictures -= carried
    text = clean_text(value, len(value))
    if mimetype == "text/html":
        return None if _deep(text) else clean_html(text, budget.canvas)
    return clean_markdown(text) if mimetype == "text/markdown" else _TEX.sub("\\\\" + _JOINER, text)


def _deep(source: str) -> bool:
    """Whether tags stand in each other deeper than any page needs: taking it apart could take seconds."""
    depth = 0
    for found in re.finditer(
        r"<(/?)(?!(?:p|li|t[dhr]|d[dt]|col|br|hr|img|input|option)\b)[a-z]", source, re.IGNORECASE
    ):
        depth += -1 if found[1] else 1
        if depth > 300:
            return True
    return False


def _size(metadata: Any, mimetype: str) -> dict[str, int]:
    own = metadata.get(mimetype) if isinstance(metadata, dict) else None
    asked = own if isinstance(own, dict) else metadata if isinstance(metadata, dict) else {}
    sides = {side: asked.get(side) for side in ("width", "height")}
    return {side: n for side, n in sides.items() if type(n) is int and 1 <= n <= SIDE}


def _decoded(kind: str, data: Any, most: int = PICTURE, pixels: int = PIXELS) -> bytes | None:
    """The bytes of a picture in base64, if it begins as its kind does and is not too large for a browser."""
    data = _whole(data)
    if not isinstance(data, str) or len(data) > 2 * most:
        return None
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
        with Image.open(io.BytesIO(raw), formats=[kind]) as picture:
            return raw if len(raw) <= most and 0 < picture.width * picture.height <= pixels else None
    except Exception:  # Pillow raises many kinds
        return None


_MODES = {"png": ("1", "L", "LA", "P", "RGB", "RGBA"), "jpeg": ("L", "RGB")}


def _picture(kind: str, data: Any, canvas: Canvas) -> str | None:
    """A PNG or JPEG in base64, drawn anew from its pixels, or an SVG as it is: in an ``<img>`` it runs nothing."""
    if kind == "svg+xml":
        return _svg(data)
    raw = _decoded(kind, data) if kind in _MODES else None
    if raw is None:
        return None
    try:
        with Image.open(io.BytesIO(raw), formats=[kind]) as picture:
            canvas.pixels -= picture.width * picture.height
            if canvas.pixels < 0 or (kind == "jpeg" and raw.count(b"\xff\xda") > SCANS):
                return None
            pixels = picture if picture.mode in _MODES[kind] else picture.convert("RGB" if kind == "jpeg" else "RGBA")
            drawn = Image.new(pixels.mode, pixels.size)
            if pixels.mode == "P":
                palette, clear = pixels.getpalette(), pixels.info.get("transparency")
                drawn.putpalette(palette or [])
                drawn.info = {"transparency": clear} if isinstance(clear, int | bytes) else {}
            drawn.paste(pixels)
            into = io.BytesIO()
            drawn.save(into, kind, **({"quality": 90} if kind == "jpeg" else {"compress_level": 4}))
    except Exception:  # its beginning was a picture's, the rest is not
        return None
    return base64.b64encode(into.getvalue()).decode() if into.tell() <= PICTURE else None


def _svg(source: str) -> str | None:
    """An SVG in base64; ``source`` is its text."""
    text = clean_text(source, len(source)).lstrip("\ufeff \n")
    text = re.sub(r"<!DOCTYPE[^>\[]{0,500}>", "", text[:2_000], count=1) + text[2_000:]
    if len(text) > PICTURE or re.search(r"<!(?!--|\[CDATA\[)", text):
        return None
    if not _SVG.match(text):
        return None
    return base64.b64encode(text.encode()).decode()


# --- HTML

_ID_PREFIX = "moi-"  # no id of an output is one that the page's own scripts look for
_TAGS = nh3.ALLOWED_TAGS - {"area", "map"} | {"tfoot"}
_ATTRIBUTES = {
    "*": {"class", "id", "style", "title"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "table": {"border"},
    **{cell: {"colspan", "rowspan", "align", "scope"} for cell in ("td", "th")},
}
_CLASS = re.compile(r"dataframe|(row|col)_heading|index_name|blank|data|(level|row|col)\d{1,6}")
_STYLER_ID = re.compile(rf"({_ID_PREFIX})+T_\w{{1,60}}")  # nh3 has put the prefix there
_NUMBER = re.compile(r"\d{1,4}")
_LINK = re.compile(r"(https?://|mailto:)", re.I)
_PROPERTY = re.compile(
    r"(background(-color)?|color|font-(style|weight)|text-(align|decoration)|vertical-align|white-space"
    r"|(min-|max-)?width|border(-(top|right|bottom|left|collapse|color|style|width|spacing))*|padding(-\w+)?)"
)
_FUNCTIONS = {"rgb", "rgba", "hsl", "hsla", "linear-gradient"}
_SELECTOR = re.compile(
    rf"(?:#|#{_ID_PREFIX})(T_\w{{1,60}}"
    r"(?:[ >]{1,3}(?:caption|t[dhr]|thead|tbody|\.\w{1,40})|\.\w{1,40}|:hover|:nth-child\(\w{1,9}\)){0,9})"
)


def _attribute(canvas: Canvas, tag: str, name: str, value: str) -> str | None:
    """The value that an allowed attribute keeps, or ``None``. An error here would let nh3 keep it as it is."""
    try:
        return _kept(name, value, canvas)
    except Exception:
        return None


def _kept(name: str, value: str, canvas: Canvas) -> str | None:
    if name == "class":
        return " ".join(part for part in value.split()[:20] if _CLASS.fullmatch(part)) or None
    if name == "id":
        return value if _STYLER_ID.fullmatch(value) else None
    if name == "style":
        return _declarations(value) or None
    if name == "href":
        return value if _LINK.match(value) else None
    if name == "src":
        found = DATA_URL.fullmatch(value)
        if not found:
            return None
        data = base64.b64decode(found[2]).decode(errors="replace") if found[1] == "svg+xml" else found[2]
        drawn = _picture(found[1], data, canvas)
        return f"data:image/{found[1]};base64,{drawn}" if drawn else None
    if name in ("width", "height", "colspan", "rowspan", "start", "border"):
        return value if _NUMBER.fullmatch(value) else None
    return value


def _declarations(css: str) -> str:
    """The declarations that colour and align; a value holds words, numbers, colours and gradients, no address."""
    kept = []
    for declaration in css.split(";")[:50]:
        name, _, value = (part.strip() for part in declaration.partition(":"))
        value = re.sub(r"\s*!important$", "", value)
        plain = len(value) <= 400 and re.fullmatch(r"[\w\s#%.,()-]*", value, re.ASCII)
        if plain and _PROPERTY.fullmatch(name) and set(re.findall(r"([\w-]+)\s*\(", value)) <= _FUNCTIONS and value:
            kept.append(f"{name}: {value}")
    return "; ".join(kept)


def _rules(css: str) -> str:
    """The rules of a style sheet that style one table of pandas, by its id."""
    kept = []
    for rule in css.split("}")[:5_000]:
        selectors, _, body = rule.rpartition("{")
        named = [_SELECTOR.fullmatch(selector.strip()) for selector in selectors.split(",")]
        styled = ", ".join(f"#{_ID_PREFIX}{found[1]}" for found in named if found)
        if all(named) and (declarations := _declarations(body)):
            kept.append(f"{styled} {{{declarations}}}")
    return "\n".join(kept)


# --- Markdown

# Between tags of these forms, a browser reads a "<" as nbconvert wrote it: there is no other reading of the page.
_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?:\s+[a-z-]+="[^"<>]*")*)\s*(/?)>')
_VOID = {"br", "hr", "img"}
_CHECKBOX = re.compile(r'<input class="task-list-item-checkbox" type="checkbox" disabled(?: checked)?/?>')
_FORMS: dict[str, dict[str, re.Pattern[str]]] = {
    **{tag: {} for tag in ("blockquote", "br", "dd", "details", "dl", "dt", "hr", "p", "summary", "ul")},
    **{tag: {} for tag in ("b", "del", "em", "i", "ins", "kbd", "mark", "s", "samp", "small", "strong", "sub", "sup")},
    **{tag: {} for tag in ("caption", "table", "tbody", "thead", "tr", "u", "var")},
    **{cell: {"style": re.compile(r"text-align:(left|right|center)")} for cell in ("td", "th")},
    **{f"h{level}": {"id": re.compile(r".*")} for level in range(1, 7)},
    "a": {"href": re.compile(r".*"), "title": re.compile(r".*"), "class": re.compile("anchor-link")},
    "img": {"src": re.compile(r".*"), "alt": re.compile(r".*"), "title": re.compile(r".*")},
    "code": {"class": re.compile(r"language-[\w+#.-]+")},
    "div": {"class": re.compile("highlight|jp-Mermaid")},
    "li": {"class": re.compile("task-list-item")},
    "ol": {"start": re.compile(r"\d{1,9}")},
    "pre": {"class": re.compile("mermaid")},
    "span": {"class": re.compile("[a-z0-9]{1,3}")},
}
_PAGE_IDS = {"notebook", "notebook-container", "statusmessage", "toc", "top"}
_GRADE_ID = re.compile(r"[a-zA-Z0-9_-]+")
_BLOCKS = re.compile(r"<(pre|code)\b.*?</\1>", re.DOTALL)
_CODE = re.compile(
    r"^[ ]{0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^[ ]{0,3}\1[`~]*[ ]*$|\Z)|(?<!`)(`+)(?!`).+?(?<!`)\2(?!`)",
    re.DOTALL | re.MULTILINE,
)
_PASTED_HERE = re.compile(
    r"!(\[[^\]\n]*\])\((?:<attachment:([^<>\n]{0,200})>|attachment:((?:[^\s()]|\([^\s()]*\)){0,200}))(?:\s\"[^\"\n]*\")?\)"
)
_MATHS = re.compile(r"(?<!\\)\$\$.*?\$\$|(?<![\\$])\$[^\n$]+\$", re.DOTALL)


class _Renderer(IPythonRenderer):
    """nbconvert's, which gives up on a page that a picture or an address, given once and used often, would fill."""

    def __init__(self, attachments: Attachments, room: int) -> None:
        super().__init__(escape=False, attachments=attachments)
        self.room = room

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return self._counted(super().link(text, url, title))

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return self._counted(super().image(text, url, title))

    def _counted(self, made: str) -> str:
        self.room -= len(made)
        if self.room < 0:
            raise ValueError("the page is many times as long as what it is made of")
        return made


def render(source: str, attachments: Attachments | None = None) -> str:
    """Markdown as nbconvert's HTML; raises whatever mistune raises, and ``ValueError`` where it would be endless."""
    attachments = attachments or {}
    given = len(source) + sum(len(data) for kinds in attachments.values() for data in kinds.values())
    return MarkdownWithMath(renderer=_Renderer(attachments, 3 * given + TEXT)).render(source)


def _passes(source: str, attachments: Attachments, names: Collection[str] | None) -> bool:
    try:
        return _harmless(render(source, attachments), names)
    except Exception:  # a page that cannot be rendered fails formgrader as well
        return False


def _harmless(page: str, names: Collection[str] | None) -> bool:
    """Whether each tag of ``page`` is of a known form, closes what it opened, and none is left over."""
    open_tags: list[str] = []
    text = _CHECKBOX.sub("", page)
    for found in _TAG.finditer(text):
        closing, tag, attributes, _ = found.groups()
        if tag not in _FORMS or (closing and (attributes or tag in _VOID)):
            return False
        if closing:
            if not open_tags or open_tags.pop() != tag:
                return False
        elif tag not in _VOID:
            open_tags.append(tag)
        given = re.findall(r'([a-z-]+)="([^"]*)"', attributes)
        if not all(_fits(tag, name, html.unescape(value), names) for name, value in given):
            return False
    return not open_tags and "<" not in _TAG.sub("", text) and not _TEX.search(_BLOCKS.sub("", page))


def _fits(tag: str, name: str, value: str, names: Collection[str] | None) -> bool:
    form = _FORMS[tag].get(name)
    if form is None or not form.fullmatch(value):
        return False
    if name == "href":
        return _harmless_link(value)
    if name == "src":
        found = DATA_URL.fullmatch(value)
        return bool(found and found[1] in _SHOWN and _decoded(found[1], found[2], PASTED, PASTED_PIXELS))
    if name == "id":
        value = urllib.parse.unquote(value)
        if names is None:
            return not _GRADE_ID.fullmatch(value)
        return value not in _PAGE_IDS and not any(value in (n, f"{n}-comment", f"{n}_extra_credit") for n in names)
    return True


def _harmless_link(address: str) -> bool:
    """Whether it leads to the web, to a mail, within the page, or to a file beside the page."""
    # A colon anywhere counts: nbconvert takes "files/" off an address later, and "files/javascript:…" is left with it.
    bare = re.sub(r"[\x00-\x20\x7f-\xa0]", "", address)
    return bool(_LINK.match(bare)) or not re.search(r":|\\|^/|\.\.", bare.partition("#")[0])


def outside(pattern: re.Pattern[str], source: str, edit: Callable[[str], str]) -> str:
    """``source`` with ``edit`` done to all that lies between the matches of ``pattern``."""
    parts, at = [], 0
    for found in pattern.finditer(source):
        parts += [edit(source[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*parts, edit(source[at:])])


def _headings(source: str, _: Attachments) -> str:
    """Headings with an invisible mark at the end, which makes their ids unlike any cell's name."""
    line = re.compile(
        r"^([ ]{0,3}(?:[>*+-][ ]*|\d+[.)][ ]*)*#{1,6}.*\S|.*\S(?=\s*\n[ ]{0,3}(?:=+|-+)[ ]*$))[ ]*$", re.MULTILINE
    )
    return outside(_CODE, source, lambda text: line.sub(rf"\1{_JOINER}", text))


def _tame(source: str, attachments: Attachments) -> str:
    """Pictures from elsewhere as links, those from nowhere as words, and macros of MathJax parted from their names."""

    def pasted(found: re.Match[str]) -> str:
        name = escape_url(found[2] or found[3])
        return f"!{found[1]}(attachment:{name})" if name in attachments else "*(A picture that cannot be shown.)*"

    def edit(text: str) -> str:
        text = _PASTED_HERE.sub(pasted, text)
        text = re.sub(r"!\[\](?=[(\[])(?!\((?:data|attachment):)", "[picture]", text)
        text = re.sub(rf"!(?=\[)(?!\[[^\]]*\]\((?:data:{_RASTER}|attachment:))", "", text)
        return _TEX.sub("\\\\" + _JOINER, text)

    return outside(_CODE, source, edit)


def _tags_as_text(source: str, _: Attachments) -> str:
    source = re.sub(r"(?m)^(.*?(?:`{3,}|~{3,}))[ \t]*mermaid", r"\1text", source)
    address = r"(?!(?:https?://|mailto:)[^\s<>]*>)"
    tag = re.compile(rf"<(?=[a-zA-Z/!?]){address}")
    return outside(_CODE, source, lambda text: outside(_MATHS, text, lambda part: tag.sub("&lt;", part)))


def _links_as_text(source: str, _: Attachments) -> str:
    source = re.sub(rf"\](?=[(\[])(?!\(\s*(?:https?://|data:{_RASTER}|attachment:))", r"]\\", source)
    source = re.sub(r"(?m)^([ >]*)\[([^\]\n]*)\]:", r"\1\\[\2]:", source)
    return re.sub(r"<(?=[a-zA-Z][\w+.-]*:)(?!https?://)", "&lt;", source)


_REPAIRS: tuple[Callable[[str, Attachments], str], ...] = (
    lambda source, _: source, _headings, _tame, _tags_as_text, _links_as_text
)  # fmt: skip


def _untidy(source: str, limit: int) -> bool:
    """Whether it holds what no page can show, or is too long."""
    return len(source) > limit or bool(_SURROGATE.search(source) or _CONTROL.search(source) or "\x1b" in source)


def _tangled(text: str) -> bool:
    """Whether reading it as Markdown could take mistune minutes: more brackets and marks than anybody types."""
    bare = DATA_URL.sub("", text)
    if len(re.findall(r"^[ ]{0,3}(?:#|=+[ \t]*$|-+[ \t]*$)", bare, re.MULTILINE)) > 2_000:  # headings
        return True
    return any(bare.count(mark) > 2_000 for mark in "[]*_`<$~\\(!") or bool(re.search(r"[ \t]{1000}|(?:^>){100}", bare))


def _as_typed(text: str) -> str:
    """The text as a block of code, which no rendering reads."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
