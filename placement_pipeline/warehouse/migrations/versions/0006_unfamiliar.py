"""The placement ``unfamiliar``: folders that a provider makes and fills with what is neither wanted nor spam."""

from alembic import op

SCHEMA = "placement"

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WAS = (
    "What the sweep says of it: delayed, filter_bypassed, focused, forums, inbox, missing, moved_by_rule, not_sent, "
    "other, pending, primary, promotions, seed_broken, social, spam, updates."
)


def upgrade() -> None:
    now = WAS.replace("spam, updates", "spam, unfamiliar, updates")
    op.alter_column("seed_placements", "placement", comment=now, existing_comment=WAS, schema=SCHEMA)


def downgrade() -> None:
    op.alter_column("seed_placements", "placement", comment=WAS, schema=SCHEMA)
