<%!
    def sentence(message):
        """Return the message as the first line of a docstring."""
        return message[0].upper() + message[1:].rstrip(".") + "."

    def without_comments(body):
        """Return the body without the comments in which Alembic asks to adjust it."""
        return "\n".join(line for line in body.splitlines() if "# ###" not in line).strip()
%>\
"""${sentence(message)}"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """${sentence(message)}"""
    ${without_comments(upgrades or "pass")}


def downgrade() -> None:
    """Undo the upgrade."""
    ${without_comments(downgrades or "pass")}
