"""The words of the pretend PayPal's page."""

from __future__ import annotations

from lineaviva.sandbox.languages import Table, column
from lineaviva.sandbox.provider import texts


def words(language: str) -> dict[str, str]:
    """All texts of one language by name: the pretend bank's, and what is said otherwise here."""
    bank = texts.words(language)
    same = {f"payer_{name}": bank[f"card_{name}"] for name in _AS_THE_CARD}
    return {**bank, **same, **column(_TEXTS, language)}


# Choices that do what a test card of the same name does.
_AS_THE_CARD = ("success", "slow_refund", "failed_refund", "webhook_twice", "webhook_late", "webhook_never")


_TEXTS: Table = {
    "bank": ("Pretend PayPal", "PayPal di prova", "模拟 PayPal", "模擬 PayPal"),
    "notice": (
        "Sandbox: no real money moves. Never sign in with a real account here.",
        "Ambiente di prova: nessun denaro vero. Non accedere mai con un conto vero.",
        "沙盒环境：不会扣真钱。请勿登录真实账户。",
        "沙盒環境：不會扣款。請勿登入真實帳戶。",
    ),
    "pay_title": ("Pay with PayPal", "Paga con PayPal", "用 PayPal 付款", "使用 PayPal 付款"),
    "pay": ("Pay", "Paga", "付款", "付款"),
    "who": ("Who pays", "Chi paga", "付款人", "付款人"),
    "payer_declined": (
        "Approves; the money cannot be taken",
        "Approva; il denaro non si può prelevare",
        "已同意；但无法扣款",
        "已同意；但無法扣款",
    ),
    "payer_pending": (
        "Pays; the money takes a while",
        "Paga; il denaro arriva più tardi",
        "已付款；到账较慢",
        "已付款；入帳較慢",
    ),
    "payer_lost": (
        "Approves, then the connection breaks",
        "Approva, poi cade la connessione",
        "同意付款后断网",
        "同意付款後斷線",
    ),
}
