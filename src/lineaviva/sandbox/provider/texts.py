"""The words of the hosted pages."""

from __future__ import annotations

from lineaviva.sandbox.languages import Table, column


def words(language: str) -> dict[str, str]:
    """All texts of one language by name."""
    return column(_TEXTS, language)


_TEXTS: Table = {
    "bank": ("Pretend bank", "Banca di prova", "模拟银行", "模擬銀行"),
    "notice": (
        "Sandbox: no real money moves. Never type a real card here.",
        "Ambiente di prova: nessun denaro vero. Non inserire mai una carta vera.",
        "沙盒环境：不会扣真钱。请勿输入真实卡号。",
        "沙盒環境：不會扣款。請勿輸入真實卡號。",
    ),
    "pay_title": ("Pay by card", "Paga con carta", "银行卡支付", "信用卡付款"),
    "card": ("Card number", "Numero della carta", "卡号", "卡號"),
    "expiry": ("Expires (MM / YY)", "Scadenza (MM / AA)", "有效期（月 / 年）", "有效期限（月 / 年）"),
    "cvc": ("Security code", "Codice di sicurezza", "安全码", "安全碼"),
    "pay": ("Pay", "Paga", "支付", "付款"),
    "back": ("Back without paying", "Torna indietro senza pagare", "不支付，返回", "不付款，返回"),
    "other_cards": ("Try another test card", "Prova un'altra carta di prova", "换一张测试卡", "換一張測試卡"),
    "card_success": ("Pays at once", "Paga subito", "直接支付成功", "直接付款成功"),
    "card_three_d_secure": (
        "Asks for confirmation (3-D Secure)",
        "Chiede conferma (3-D Secure)",
        "需要验证（3-D Secure）",
        "需要驗證（3-D Secure）",
    ),
    "card_declined": ("Refused by the bank", "Rifiutata dalla banca", "被银行拒绝", "遭銀行拒絕"),
    "card_insufficient": ("Not enough money", "Fondi insufficienti", "余额不足", "餘額不足"),
    "card_expired": ("Expired card", "Carta scaduta", "卡已过期", "卡片已過期"),
    "card_wrong_code": ("Wrong security code", "Codice di sicurezza errato", "安全码错误", "安全碼錯誤"),
    "save_title": ("Save a card", "Salva una carta", "保存银行卡", "儲存信用卡"),
    "save_text": (
        "Nothing is charged now. The shop may charge this card later, as you agreed with it.",
        "Ora non viene addebitato nulla. Il negozio potrà addebitare la carta in seguito, come concordato.",
        "现在不会扣款。商户以后可按与您的约定从这张卡扣款。",
        "現在不會扣款。店家日後可依您同意的內容從這張卡扣款。",
    ),
    "save": ("Save the card", "Salva la carta", "保存这张卡", "儲存這張卡"),
    "card_always_asks": (
        "Asks for confirmation each time, also when saved",
        "Chiede conferma ogni volta, anche se salvata",
        "每次都需要验证，保存后也一样",
        "每次都需要驗證，儲存後也一樣",
    ),
    "card_declined_later": (
        "Can be saved; is refused when charged",
        "Si può salvare; poi viene rifiutata",
        "可以保存；扣款时被拒绝",
        "可以儲存；扣款時遭拒",
    ),
    "card_expired_later": (
        "Pays; expires once it is saved",
        "Paga; una volta salvata risulta scaduta",
        "可支付；保存后过期",
        "可付款；儲存後過期",
    ),
    "card_slow_refund": (
        "Pays; a refund takes a while",
        "Paga; il rimborso è lento",
        "可支付；退款较慢",
        "可付款；退款較慢",
    ),
    "card_failed_refund": (
        "Pays; a refund fails",
        "Paga; il rimborso non riesce",
        "可支付；退款失败",
        "可付款；退款失敗",
    ),
    "card_lost": (
        "Pays, then the connection breaks",
        "Paga, poi cade la connessione",
        "支付成功后断网",
        "付款成功後斷線",
    ),
    "card_webhook_twice": (
        "Pays; the shop is told twice",
        "Paga; il negozio è avvisato due volte",
        "可支付；商户收到两次通知",
        "可付款；店家收到兩次通知",
    ),
    "card_webhook_late": (
        "Pays; the shop is told late",
        "Paga; il negozio è avvisato tardi",
        "可支付；商户很晚才收到通知",
        "可付款；店家很晚才收到通知",
    ),
    "card_webhook_never": (
        "Pays; the shop is never told",
        "Paga; il negozio non è mai avvisato",
        "可支付；商户收不到通知",
        "可付款；店家收不到通知",
    ),
    "refused_card_declined": (
        "Your bank refused this card. Nothing was charged.",
        "La banca ha rifiutato la carta. Non è stato addebitato nulla.",
        "银行拒绝了这张卡，没有扣款。",
        "銀行拒絕了這張卡，沒有扣款。",
    ),
    "refused_insufficient_funds": (
        "There is not enough money on this card. Nothing was charged.",
        "Fondi insufficienti sulla carta. Non è stato addebitato nulla.",
        "卡内余额不足，没有扣款。",
        "卡片餘額不足，沒有扣款。",
    ),
    "refused_expired_card": (
        "This card has expired. Nothing was charged.",
        "La carta è scaduta. Non è stato addebitato nulla.",
        "这张卡已过期，没有扣款。",
        "這張卡已過期，沒有扣款。",
    ),
    "refused_incorrect_cvc": (
        "The security code is not right. Nothing was charged.",
        "Il codice di sicurezza non è corretto. Non è stato addebitato nulla.",
        "安全码不正确，没有扣款。",
        "安全碼不正確，沒有扣款。",
    ),
    "refused_payment_intent_authentication_failure": (
        "You did not confirm the payment. Nothing was charged.",
        "Non hai confermato il pagamento. Non è stato addebitato nulla.",
        "您没有确认付款，没有扣款。",
        "您沒有確認付款，沒有扣款。",
    ),
    "refused_unknown": (
        "This is not one of the test cards. Choose one from the list below.",
        "Non è una delle carte di prova. Scegline una dall'elenco qui sotto.",
        "这不是测试卡，请从下面的列表中选择。",
        "這不是測試卡，請從下方清單選擇。",
    ),
    "confirm_title": ("Confirm with your bank", "Conferma con la tua banca", "向银行确认", "向銀行確認"),
    "confirm_text": (
        "Your bank asks whether this payment is yours.",
        "La tua banca chiede se questo pagamento è tuo.",
        "您的银行询问：这笔付款是您本人操作吗？",
        "您的銀行詢問：這筆付款是您本人的操作嗎？",
    ),
    "approve": ("Yes, it is mine: approve", "Sì, è mio: approva", "是我本人，确认付款", "是我本人，確認付款"),
    "refuse": ("No, refuse", "No, rifiuta", "不是，拒绝", "不是，拒絕"),
    "done_title": ("Paid", "Pagato", "已支付", "已付款"),
    "done_text": (
        "This was paid already and is charged once only.",
        "È già stato pagato e viene addebitato una sola volta.",
        "这笔款项已支付，只会扣款一次。",
        "這筆款項已付清，只會扣款一次。",
    ),
    "expired_title": ("This page has expired", "Questa pagina è scaduta", "页面已过期", "頁面已過期"),
    "expired_text": (
        "Nothing was charged. Go back to your order to pay it.",
        "Non è stato addebitato nulla. Torna al tuo ordine per pagarlo.",
        "没有扣款。请返回订单重新支付。",
        "沒有扣款。請回到訂單重新付款。",
    ),
    "to_order": ("Go to your order", "Vai al tuo ordine", "返回订单", "前往訂單"),
    "unknown_title": ("There is no such page", "Questa pagina non esiste", "页面不存在", "頁面不存在"),
    "unknown_text": (
        "The link is not complete, or is from another sandbox.",
        "Il link è incompleto o viene da un altro ambiente di prova.",
        "链接不完整，或来自另一个沙盒。",
        "連結不完整，或來自另一個沙盒。",
    ),
}
