"""
The API: GET and POST /v1/notes, those of a token's project.

Who somebody is keystonemiddleware finds out, and oslo.middleware says whether the service serves.
"""

import sqlalchemy
import webob.dec
import webob.exc
from keystonemiddleware import auth_token
from oslo_middleware import healthcheck

from notes import config

NOTES = sqlalchemy.table("notes", *map(sqlalchemy.column, ("id", "project", "text")))
LONGEST = 255


class Api:
    """The application behind the middleware."""

    def __init__(self, engine):
        self.engine = engine

    @webob.dec.wsgify
    def __call__(self, request):
        if request.path != "/v1/notes":
            raise webob.exc.HTTPNotFound()
        project = request.environ["HTTP_X_PROJECT_ID"]
        if request.method == "POST":
            text = str(request.json["text"])[:LONGEST]
            with self.engine.begin() as session:
                session.execute(NOTES.insert().values(project=project, text=text))
            return webob.Response(json={"text": text}, status=201)
        with self.engine.connect() as session:
            asked = sqlalchemy.select(NOTES.c.text).where(NOTES.c.project == project)
            found = [row.text for row in session.execute(asked.order_by(NOTES.c.id))]
        return webob.Response(json={"notes": found})


def application_of(file):
    """Return the application as a configuration file has it."""
    conf = config.read([file])
    engine = sqlalchemy.create_engine(
        conf.database.connection,
        pool_recycle=conf.database.connection_recycle_time,
        pool_size=conf.database.max_pool_size,
        pool_pre_ping=True,
    )
    guarded = auth_token.AuthProtocol(Api(engine), {"oslo_config_config": conf})
    return healthcheck.Healthcheck(guarded, conf)
