import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("orders", "0003_orderednumber"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Wallet",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("balance_minor", models.BigIntegerField(default=0)),
                ("currency", models.CharField(default="EUR", max_length=3)),
                ("made_at", models.DateTimeField()),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wallet",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("balance_minor__gte", 0)), name="wallet_never_owes")
                ],
            },
        ),
        migrations.CreateModel(
            name="VoucherBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("look_at", models.DateTimeField(blank=True, null=True)),
                ("leased_until", models.DateTimeField(blank=True, editable=False, null=True)),
                ("leased_by", models.CharField(blank=True, default="", editable=False, max_length=64)),
                ("wakes", models.PositiveIntegerField(default=0, editable=False)),
                ("failures", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("delays", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("last_error", models.TextField(blank=True, default="", editable=False)),
                ("stuck_reason", models.TextField(blank=True, default="", editable=False)),
                ("name", models.CharField(max_length=60, unique=True)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(default="EUR", max_length=3)),
                ("count", models.PositiveIntegerField()),
                (
                    "paid",
                    models.CharField(choices=[("till", "Till"), ("bank", "Bank"), ("gift", "Gift")], max_length=4),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("closed", "Closed")],
                        default="open",
                        max_length=6,
                    ),
                ),
                ("expires_on", models.DateField()),
                ("made_at", models.DateTimeField()),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0), ("count__gt", 0)),
                        name="voucher_batch_is_something",
                    )
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("look_at__isnull", False)),
                        fields=["look_at", "id"],
                        name="voucherbatch_due",
                    ),
                    models.Index(
                        condition=models.Q(("stuck_reason", ""), _negated=True),
                        fields=["id"],
                        name="voucherbatch_stuck",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Voucher",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("pin_hash", models.CharField(max_length=64, unique=True)),
                ("last4", models.CharField(max_length=4)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(default="EUR", max_length=3)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("redeemed", "Redeemed"),
                            ("void", "Void"),
                            ("expired", "Expired"),
                        ],
                        default="active",
                        max_length=8,
                    ),
                ),
                ("expires_on", models.DateField()),
                ("redeemed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="vouchers",
                        to="wallets.voucherbatch",
                    ),
                ),
                (
                    "redeemed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("batch", "number"), name="voucher_number_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("redeemed_at__isnull", False),
                                ("redeemed_by__isnull", False),
                                ("state", "redeemed"),
                            ),
                            models.Q(
                                models.Q(("state", "redeemed"), _negated=True),
                                ("redeemed_at__isnull", True),
                                ("redeemed_by__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="voucher_redeemed_by_somebody",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WalletMovement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=160, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("voucher", "Voucher"),
                            ("credit", "Credit"),
                            ("refund", "Money back"),
                            ("payment", "Renewal"),
                            ("debit", "Taken out"),
                        ],
                        max_length=8,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("after_minor", models.BigIntegerField()),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orders.productorder",
                    ),
                ),
                (
                    "voucher",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="movement",
                        to="wallets.voucher",
                    ),
                ),
                (
                    "wallet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="movements",
                        to="wallets.wallet",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["wallet", "-id"], name="movements_of_wallet")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount_minor__gt", 0), ("kind__in", ["voucher", "credit", "refund"])),
                            models.Q(("amount_minor__lt", 0), ("kind__in", ["payment", "debit"])),
                            _connector="OR",
                        ),
                        name="movement_goes_its_way",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("after_minor__gte", 0)), name="movement_leaves_no_debt"
                    ),
                ],
            },
        ),
    ]
