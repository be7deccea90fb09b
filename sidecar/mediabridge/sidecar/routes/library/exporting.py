"""`POST /api/library/export`: copies into a folder of the server's, as a job; `"dryRun": true` only looks."""

from __future__ import annotations

import hashlib
import json

from flask import Response, url_for

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.library import jobs, preferences
from mediabridge.sidecar.library.export.job import Parts
from mediabridge.sidecar.library.export.options import Options, parse
from mediabridge.sidecar.library.export.plan import dry_run
from mediabridge.sidecar.library.export.records import KIND
from mediabridge.sidecar.library.export.target import Target
from mediabridge.sidecar.routes.sent import json_sent
from mediabridge.sidecar.services import Services, services


def start() -> Response:
    """202 with the job; 200 with the forecast of a dry run."""
    parts = services()
    discarded_too = parts.library.read(preferences.read)["exportDiscarded"]
    options, dry = parse(json_sent(), keepers_only=not discarded_too)
    if dry:
        return answer(dry_run(options, _parts(parts)))
    Target.open(options.target, parts.export_roots, make=False).close()  # refused now rather than in the job
    job = parts.queue.submit(KIND, {"options": options.to_json()}, _key(options))
    parts.library.write(lambda session: jobs.begin(session, job.id, KIND, options.to_json()))
    response = answer({"jobId": job.id, "status": job.status}, 202)
    response.headers["Location"] = url_for("library.jobs-one", job_id=job.id)
    return response


def _key(options: Options) -> str:
    """The same question while it is being answered is no second job."""
    text = json.dumps(options.to_json(), sort_keys=True)
    return f"{KIND}:{hashlib.sha256(text.encode()).hexdigest()}"


def _parts(parts: Services) -> Parts:
    return Parts(door=parts.library, store=parts.store, engine=parts.engine, timeout_s=0.0, roots=parts.export_roots)
