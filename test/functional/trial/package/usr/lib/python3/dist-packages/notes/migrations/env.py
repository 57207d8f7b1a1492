"""How alembic reaches the database."""

import sqlalchemy
from alembic import context

engine = sqlalchemy.create_engine(context.config.attributes["connection"])
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
