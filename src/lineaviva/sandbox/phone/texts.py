"""The words of the phone's pages, and which of them fits a failure."""

from __future__ import annotations

from lineaviva.kernel.errors import LineavivaError
from lineaviva.sandbox.languages import Table, column
from lineaviva.sandbox.phone.errors import OperatorRefused

# Subject and reason of the server's refusal (SGP.22 5.2.6), as far as a person can do something about it.
_REFUSALS = {
    ("8.2", "1.2"): "used",
    ("8.2", "3.7"): "used",
    ("8.2.6", "3.8"): "unknown",
    ("8.1.1", "3.8"): "other_phone",
    ("8.2.7", "2.2"): "confirmation",
    ("8.2.7", "3.8"): "confirmation",
    ("8.2.7", "6.4"): "blocked",
    ("8.8.5", "6.4"): "blocked",
    ("8.8.5", "4.10"): "expired",
}
_FAILURES = {
    "activation_code_invalid": "code",
    "smdp_unreachable": "unreachable",
    "smdp_certificate": "not_trusted",
    "smdp_not_trusted": "not_trusted",
    "no_memory": "memory",
    "rules": "rules",
    "phone_busy": "busy",
    "phone_missing": "no_phone",
    "phone_certs_invalid": "no_phone",
    "profile_unknown": "gone",
}


def failure_of(error: LineavivaError) -> str:
    """The name of the text `failed_…` for this failure."""
    if isinstance(error, OperatorRefused):
        return _REFUSALS.get((error.subject, error.reason), "refused")
    return _FAILURES.get(error.code, "other")


def words(language: str) -> dict[str, str]:
    """All texts of one language by name."""
    return column(_TEXTS, language)


_TEXTS: Table = {
    "bank": ("Pretend phone", "Telefono di prova", "模拟手机", "模擬手機"),
    "notice": (
        "Sandbox: this phone exists on this machine only. No network knows its lines.",
        "Ambiente di prova: questo telefono esiste solo su questo computer. Nessuna rete conosce le sue linee.",
        "沙盒环境：这部手机只存在于本机，其中的号码没有任何网络。",
        "沙盒環境：這支手機只存在於本機，裡面的門號沒有任何網路。",
    ),
    "add_title": ("Add this eSIM?", "Aggiungere questa eSIM?", "添加这个 eSIM？", "要加入這個 eSIM 嗎？"),
    "add_text": (
        "The phone downloads the profile, installs it, switches it on and tells the operator.",
        "Il telefono scarica il profilo, lo installa, lo attiva e avvisa l'operatore.",
        "手机会下载并安装配置文件，启用它，并通知运营商。",
        "手機會下載並安裝設定檔、開啟它，並通知電信業者。",
    ),
    "server": (
        "Operator's server (SM-DP+)",
        "Server dell'operatore (SM-DP+)",
        "运营商服务器（SM-DP+）",
        "電信業者伺服器（SM-DP+）",
    ),
    "add_act": ("Install and switch on", "Installa e attiva", "安装并启用", "安裝並開啟"),
    "confirmation_code": (
        "Confirmation code from the operator",
        "Codice di conferma dell'operatore",
        "运营商提供的确认码",
        "電信業者提供的確認碼",
    ),
    "accept_rules": (
        "I agree that this profile cannot be deleted later",
        "Accetto che questo profilo non si possa eliminare in seguito",
        "我同意此配置文件之后无法删除",
        "我同意這個設定檔日後無法刪除",
    ),
    "back": ("Back to Lineaviva", "Torna a Lineaviva", "返回 Lineaviva", "回到 Lineaviva"),
    "phone_title": ("Profiles on this phone", "Profili su questo telefono", "手机上的 eSIM", "手機上的 eSIM 設定檔"),
    "done": (
        "installed and switched on; the operator has been told.",
        "installato e attivo; l'operatore è stato avvisato.",
        "已安装并启用，运营商已收到通知。",
        "已安裝並開啟，已通知電信業者。",
    ),
    "there_already": (
        "is on this phone, switched off.",
        "è su questo telefono, disattivato.",
        "已在这部手机上，目前停用。",
        "已在這支手機上，目前關閉。",
    ),
    "chip": ("EID", "EID", "EID 号码", "EID 識別碼"),
    "on": ("on", "attivo", "已启用", "已開啟"),
    "off": ("off", "disattivato", "已停用", "已關閉"),
    "enable": ("Switch on", "Attiva", "启用", "開啟"),
    "disable": ("Switch off", "Disattiva", "停用", "關閉"),
    "delete": ("Delete ...", "Elimina ...", "删除……", "刪除……"),
    "delete_text": (
        "Most operators give a profile out only once. Deleted, it does not come back.",
        "La maggior parte degli operatori fornisce un profilo una sola volta. Se lo elimini, non torna.",
        "多数运营商的配置文件只能下载一次，删除后无法恢复。",
        "多數電信業者的設定檔只能下載一次，刪除後無法復原。",
    ),
    "delete_act": ("Delete for good", "Elimina per sempre", "永久删除", "永久刪除"),
    "empty": (
        "There is none yet. Open an install link of Lineaviva on this machine.",
        "Ancora nessuno. Apri su questo computer un link di installazione di Lineaviva.",
        "还没有。请在本机打开 Lineaviva 的安装链接。",
        "還沒有。請在這台電腦打開 Lineaviva 的安裝連結。",
    ),
    "waiting": (
        "The operator has not been told yet",
        "L'operatore non è ancora stato avvisato",
        "尚未通知运营商",
        "尚未通知電信業者",
    ),
    "send": ("Tell the operator now", "Avvisa ora l'operatore", "立即通知运营商", "立即通知電信業者"),
    "again": ("Try again", "Riprova", "重试", "再試一次"),
    "said": (
        "What the phone said (English)",
        "Il messaggio del telefono (in inglese)",
        "手机的原始提示（英文）",
        "手機的原始訊息（英文）",
    ),
    "failed_title": ("That did not work", "Non ha funzionato", "操作未成功", "無法完成"),
    "failed_code": (
        "This link holds no activation code that can be used. Open it again from Lineaviva.",
        "Questo link non contiene un codice di attivazione valido. Riaprilo da Lineaviva.",
        "链接中没有可用的激活码，请从 Lineaviva 重新打开。",
        "連結裡沒有可用的啟用碼，請從 Lineaviva 重新開啟。",
    ),
    "failed_used": (
        "This profile has been installed already, or was withdrawn. Ask for a new one in Lineaviva.",
        "Questo profilo è già stato installato oppure è stato ritirato. Chiedine uno nuovo in Lineaviva.",
        "此配置文件已安装过或已被撤回，请在 Lineaviva 申请新的。",
        "這個設定檔已安裝過或已被撤回，請在 Lineaviva 申請新的。",
    ),
    "failed_unknown": (
        "The operator does not know this activation code. It may have been replaced by a newer one.",
        "L'operatore non conosce questo codice di attivazione. Forse è stato sostituito da uno più recente.",
        "运营商不认识这个激活码，可能已被新的取代。",
        "電信業者查無這個啟用碼，可能已換成新的。",
    ),
    "failed_other_phone": (
        "This profile is kept for another phone.",
        "Questo profilo è riservato a un altro telefono.",
        "此配置文件是为另一部手机保留的。",
        "這個設定檔是保留給另一支手機的。",
    ),
    "failed_confirmation": (
        "The operator asks for a confirmation code, and this is not the right one.",
        "L'operatore chiede un codice di conferma e questo non è quello giusto.",
        "运营商要求确认码，而您输入的不正确。",
        "電信業者要求確認碼，而您輸入的不正確。",
    ),
    "failed_blocked": (
        "There were too many tries, so the operator blocked this profile. Ask for a new one in Lineaviva.",
        "Troppi tentativi: l'operatore ha bloccato questo profilo. Chiedine uno nuovo in Lineaviva.",
        "尝试次数过多，运营商已锁定此配置文件，请在 Lineaviva 申请新的。",
        "嘗試次數過多，電信業者已鎖住這個設定檔，請在 Lineaviva 申請新的。",
    ),
    "failed_expired": (
        "The time in which this profile could be installed is over. Ask for a new one in Lineaviva.",
        "Il tempo per installare questo profilo è scaduto. Chiedine uno nuovo in Lineaviva.",
        "此配置文件的安装期限已过，请在 Lineaviva 申请新的。",
        "這個設定檔的安裝期限已過，請在 Lineaviva 申請新的。",
    ),
    "failed_refused": (
        "The operator refused. Nothing was installed.",
        "L'operatore ha rifiutato. Non è stato installato nulla.",
        "运营商拒绝了请求，没有安装任何内容。",
        "電信業者拒絕了，沒有安裝任何東西。",
    ),
    "failed_unreachable": (
        "The operator's server does not answer. Nothing was lost; try again in a moment.",
        "Il server dell'operatore non risponde. Non si è perso nulla: riprova tra un momento.",
        "运营商服务器没有响应。没有任何损失，请稍后重试。",
        "電信業者的伺服器沒有回應。沒有任何損失，請稍後再試。",
    ),
    "failed_not_trusted": (
        "This phone does not trust the server. Nothing was installed.",
        "Questo telefono non si fida del server. Non è stato installato nulla.",
        "手机不信任该服务器，没有安装任何内容。",
        "手機不信任這個伺服器，沒有安裝任何東西。",
    ),
    "failed_memory": (
        "There is no room on the phone. Delete another profile first.",
        "Non c'è spazio sul telefono. Elimina prima un altro profilo.",
        "手机空间不足，请先删除其他配置文件。",
        "手機空間不足，請先刪除其他設定檔。",
    ),
    "failed_rules": (
        "The operator does not allow this profile to be deleted later. Agree to that, or leave it.",
        "L'operatore non consente di eliminare in seguito questo profilo. Accetta, oppure rinuncia.",
        "运营商规定此配置文件之后不能删除。请同意，或者放弃安装。",
        "電信業者規定這個設定檔日後不能刪除。請同意，或放棄安裝。",
    ),
    "failed_busy": (
        "The phone is doing something else. Try again in a moment.",
        "Il telefono sta facendo altro. Riprova tra un momento.",
        "手机正忙，请稍后重试。",
        "手機忙碌中，請稍後再試。",
    ),
    "failed_no_phone": (
        "There is no pretend phone here. Start the sandbox with: lineaviva serve --sandbox",
        "Qui non c'è un telefono di prova. Avvia l'ambiente con: lineaviva serve --sandbox",
        "这里没有模拟手机。请启动沙盒：lineaviva serve --sandbox",
        "這裡沒有模擬手機。請啟動沙盒：lineaviva serve --sandbox",
    ),
    "failed_gone": (
        "This profile is no longer on the phone.",
        "Questo profilo non è più sul telefono.",
        "此配置文件已不在手机上。",
        "這個設定檔已不在手機上。",
    ),
    "failed_other": (
        "The phone could not do that.",
        "Il telefono non ci è riuscito.",
        "手机无法完成此操作。",
        "手機無法完成這個動作。",
    ),
}
