"""The one place that names adapters: to add a provider, gateway or channel, add its folder and one line here."""

from __future__ import annotations

PAYMENT_PROVIDERS = {
    "stripe": "lineaviva.keeper.payments.stripe.adapter.StripeProvider",
    "paypal": "lineaviva.keeper.payments.paypal.adapter.PayPalProvider",
    "cash": "lineaviva.keeper.payments.cash.adapter.CashProvider",
    "wallet": "lineaviva.keeper.wallets.adapter.WalletProvider",
    "account": "lineaviva.keeper.payments.account.adapter.AccountProvider",
}

# Those of them that keep cards and charge them later.
SAVING_PROVIDERS = {
    "stripe": "lineaviva.keeper.payments.stripe.saved.StripeSaving",
    "paypal": "lineaviva.keeper.payments.paypal.saved.PayPalSaving",
}

GATEWAYS = {
    "tmf": "lineaviva.keeper.activation.tmf.adapter.TmfGateway",
}

PROFILE_GATEWAYS = {
    "es2plus": "lineaviva.keeper.delivery.es2plus.adapter.Es2PlusGateway",
    "esimgo": "lineaviva.keeper.delivery.esimgo.adapter.EsimGoGateway",
}

CATALOGUE_READERS = {
    "tmf": "lineaviva.keeper.catalogue.tmf.reader.TmfCatalogue",
}

CHANNELS = {
    "email": "lineaviva.keeper.reminders.email.adapter.EmailChannel",
}

# An operator's own judgement about an order, beside the rules.
CARRIER_SCREENING = {
    "strict": "lineaviva.carrier.orders.ports.Strict",
    "sandbox": "lineaviva.sandbox.carriers.knobs.KnobScreening",
}
