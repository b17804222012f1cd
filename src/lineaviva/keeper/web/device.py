"""What a page is read on, as far as the browser says; pure.

It only decides what comes first: the link on a phone, the QR code on anything bigger. The reader can say otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["iphone", "ipad", "android", "other", "desk"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Programs that open links in a window of their own: an eSIM link that is meant for the system leads nowhere there.
_INSIDE = re.compile(
    r"MicroMessenger|\bQQ/|Weibo|DingTalk|AlipayClient|Lark/|XiaoHongShu|aweme"
    r"|FBAN|FBAV|Instagram|\bLine/|\bGSA/|; wv\)"
)


@dataclass(frozen=True)
class Device:
    """`inside`: in the window of another app (WeChat and the like) and not in the system's browser.

    `chosen`: the reader said so, and the browser may say otherwise.
    """

    kind: Kind
    inside: bool = False
    chosen: bool = False

    @property
    def is_phone(self) -> bool:
        """Whether the profile most likely belongs on this very device. A tablet is no place for a phone number."""
        return self.kind in {"iphone", "android", "other"}


def device_of(user_agent: str, chosen: str = "") -> Device:
    """The device by its User-Agent header, or the kind that the reader `chosen`."""
    said = user_agent[:1000]
    inside = bool(_INSIDE.search(said)) or _is_bare_webkit(said)
    if chosen in KINDS:
        return Device(chosen, inside=inside, chosen=True)
    return Device(_kind(said), inside=inside)


def _kind(said: str) -> Kind:
    if "iPhone" in said or "iPod" in said:
        return "iphone"
    if "iPad" in said:
        return "ipad"
    if "Android" in said:
        return "android" if "Mobile" in said else "desk"
    return "other" if "Mobile" in said or "Phone" in said else "desk"


def _is_bare_webkit(said: str) -> bool:
    """Every browser of iOS calls itself Safari too; an app's own window does not."""
    return ("iPhone" in said or "iPad" in said) and "AppleWebKit" in said and "Safari/" not in said
