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
_AS_THE_CARD = (
    "success",
    "declined_later",
    "slow_refund",
    "failed_refund",
    "webhook_twice",
    "webhook_late",
    "webhook_never",
)


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
    "save_title": ("Save your PayPal account", "Salva il tuo conto PayPal", "保存 PayPal 账户", "儲存 PayPal 帳戶"),
    "save": ("Agree", "Accetto", "同意", "同意"),
    "payer_asks_later": (
        "Agrees; PayPal asks the payer later",
        "Accetta; PayPal chiederà conferma più tardi",
        "同意；之后 PayPal 要求本人确认",
        "同意；之後 PayPal 要求本人確認",
    ),
    "payer_taken_back": (
        "Agrees, and takes it back at PayPal",
        "Accetta, poi revoca su PayPal",
        "同意后在 PayPal 撤销",
        "同意後在 PayPal 撤銷",
    ),
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
