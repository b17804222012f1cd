"""Make the font subsets that receipts are set in, from Debian's fonts-noto-core and fonts-noto-cjk (OFL 1.1).

    python -m venv /tmp/fonttools && /tmp/fonttools/bin/pip install fonttools
    /tmp/fonttools/bin/python tools/make_fonts.py

Run again only to widen what the subsets cover; src/lineaviva/keeper/receipts/fonts is kept in the repository.
Chinese: GB2312 and Big5 level 1, so that what people call their lines can be printed; bold only for the commoner half,
since only headings are bold. Others: Latin with its extensions, Greek, Cyrillic, punctuation, currency signs.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FONTS = Path(__file__).resolve().parent.parent / "src/lineaviva/keeper/receipts/fonts"
CJK = "usr/share/fonts/opentype/noto/NotoSansCJK-{weight}.ttc"
LATIN = "usr/share/fonts/truetype/noto/NotoSans-{weight}.ttf"
FACE = {"SC": 2, "TC": 3}  # the index of each language's face in the collection

LATIN_RANGES = [
    (0x20, 0x7E),
    (0xA0, 0x17F),
    (0x218, 0x21B),
    (0x2C6, 0x2DD),
    (0x300, 0x304),
    (0x370, 0x3FF),
    (0x400, 0x45F),
    (0x1E80, 0x1EF9),
    (0x2010, 0x2027),
    (0x2030, 0x203A),
    (0x20A0, 0x20BF),
    (0x2116, 0x2122),
]
CJK_RANGES = [(0x3000, 0x303F), (0xFF01, 0xFF65), (0x2460, 0x2473), (0x2190, 0x2193)]
CJK_SINGLES = {
    0x25A1,
    0x25A0,
    0x25CB,
    0x25CF,
    0x2605,
    0x2606,
    0x2713,
    0xB7,
    0x2014,
    0x2018,
    0x2019,
    0x201C,
    0x201D,
    0x2026,
}


def gb2312(first_row: int, last_row: int) -> set[int]:
    """The characters of these rows of GB2312; 16 to 55 are level 1, 56 to 87 level 2."""
    codes = (bytes((row + 0xA0, cell)) for row in range(first_row, last_row + 1) for cell in range(0xA1, 0xFF))
    return {ord(char) for code in codes if (char := code.decode("gb2312", "ignore"))}


def big5_level_1() -> set[int]:
    cells = [*range(0x40, 0x7F), *range(0xA1, 0xFF)]
    codes = (bytes((lead, cell)) for lead in range(0xA4, 0xC7) for cell in cells if (lead, cell) <= (0xC6, 0x7E))
    return {ord(char) for code in codes if (char := code.decode("big5", "ignore"))}


def ranges(pairs: list[tuple[int, int]]) -> set[int]:
    return {code for first, last in pairs for code in range(first, last + 1)}


def write_coverage() -> None:
    """Every character that one of the fonts has, as ranges, so that a receipt knows it without a font library."""
    codes = sorted({code for path in FONTS.glob("*.[ot]tf") for code in TTFont(path).getBestCmap()})
    spans: list[list[int]] = []
    for code in codes:
        if spans and spans[-1][1] == code - 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    (FONTS / "coverage.txt").write_text("".join(f"{first:04X}-{last:04X}\n" for first, last in spans), encoding="ascii")


def make(source: Path, name: str, codes: set[int], face: int = -1) -> None:
    options = subset.Options(
        # No `locl`: it would bring the Japanese and Korean shape of each character along.
        layout_features=["kern", "mark", "tnum"] if face < 0 else [],
        drop_tables=["BASE", "VORG", "vhea", "vmtx", "DSIG"],
        hinting=False,
        name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14],
        notdef_outline=True,
        recalc_timestamp=False,
    )
    font = TTFont(source, fontNumber=face)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    font.save(FONTS / name, reorderTables=True)
    print(f"{name}: {len(font.getBestCmap())} characters, {(FONTS / name).stat().st_size:,} bytes")


def main() -> None:
    FONTS.mkdir(parents=True, exist_ok=True)
    marks = ranges(CJK_RANGES) | CJK_SINGLES
    latin = ranges(LATIN_RANGES)
    sc, tc = gb2312(1, 87) | big5_level_1() | marks, big5_level_1() | marks
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "fonts-noto-core", "fonts-noto-cjk"], cwd=folder, check=True)
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, folder], check=True)
        root = Path(folder)
        for weight in ("Regular", "Bold"):
            make(root / LATIN.format(weight=weight), f"NotoSans-{weight}.ttf", latin)
        make(root / CJK.format(weight="Regular"), "NotoSansCJKsc-Regular.otf", sc, FACE["SC"])
        make(root / CJK.format(weight="Regular"), "NotoSansCJKtc-Regular.otf", tc, FACE["TC"])
        make(root / CJK.format(weight="Bold"), "NotoSansCJKsc-Bold.otf", gb2312(1, 55) | marks, FACE["SC"])
        make(root / CJK.format(weight="Bold"), "NotoSansCJKtc-Bold.otf", tc, FACE["TC"])
    write_coverage()


if __name__ == "__main__":
    main()
