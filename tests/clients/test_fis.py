"""AWS FIS as boto3 and the AWS CLI speak it: templates, experiments that break a stream and give it back, and what is
refused. On a cluster of its own, because an experiment is one at a time, and because this cluster is started again.
"""
import json
import pathlib
import subprocess
import sys
import time
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import conftest
from conftest import REGION, wait_active

AWS = str(pathlib.Path(sys.executable).parent / "aws")
THROTTLE = "aws:kinesis:stream-provisioned-throughput-exception"
# The cluster is looked at, leaders go home, and the replicas are compared at the end.
AROUND_SECONDS_MAX = 120
ENDED = ("completed", "stopped", "failed")


@pytest.fixture(scope="module")
def cluster():
    running = conftest.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def kinesis(cluster):
    return cluster.client()


@pytest.fixture(scope="module")
def fis(cluster):
    return client(cluster)


def client(cluster, secret_key: str | None = None, scheme: str = "http"):
    """FIS is answered over plain HTTP, also where the cluster has TLS."""
    return boto3.client(
        "fis", endpoint_url=f"{scheme}://" + cluster.endpoint.split("://")[1], region_name=REGION,
        verify=cluster.certificate,
        aws_access_key_id=cluster.access_key, aws_secret_access_key=secret_key or cluster.secret_key,
        config=Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=30))


def template(stream: str, duration: str = "PT1M", action: str = THROTTLE, **changes) -> dict:
    return {
        "description": "Puts are throttled", "roleArn": "arn:aws:iam::000000000000:role/fis",
        "stopConditions": [{"source": "none"}], "tags": {"Name": "throttle"},
        "targets": {"stream": {
            "resourceType": "aws:kinesis:stream", "selectionMode": "ALL",
            "resourceArns": [f"arn:aws:kinesis:{REGION}:000000000000:stream/{stream}"]}},
        "actions": {"throttle": {
            "actionId": action, "parameters": {"duration": duration, "percentage": "100"},
            "targets": {"KinesisStreams": "stream"}}},
        **changes}


@pytest.fixture
def made(fis, stream):
    """The id of a template that throttles `stream` for five minutes."""
    made = fis.create_experiment_template(**template(stream, "PT5M"))["experimentTemplate"]["id"]
    yield made
    fis.delete_experiment_template(id=made)


def wait_for(fis, experiment: str, *statuses: str, seconds: float = AROUND_SECONDS_MAX) -> dict:
    deadline = time.monotonic() + seconds
    while True:
        seen = fis.get_experiment(id=experiment)["experiment"]
        if seen["state"]["status"] in statuses:
            return seen
        assert seen["state"]["status"] not in ENDED, seen["state"]
        assert time.monotonic() < deadline, seen["state"]
        time.sleep(0.2)


def wait_fired(fis, experiment: str) -> dict:
    deadline = time.monotonic() + AROUND_SECONDS_MAX
    while True:
        seen = wait_for(fis, experiment, "initiating", "running")
        if seen["actions"]["throttle"]["state"]["status"] == "running":
            return seen
        assert time.monotonic() < deadline, seen
        time.sleep(0.2)


def put(cluster, stream: str) -> str | None:
    """Puts once, without a second try; the error's name when it fails."""
    once = cluster.client(retries={"mode": "standard", "max_attempts": 1})
    try:
        once.put_record(StreamName=stream, Data=b"x", PartitionKey="k")
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def refused(call, **arguments) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    assert response["Error"]["Message"], response
    assert response["ResponseMetadata"]["RequestId"], response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_actions(fis):
    pages = fis.get_paginator("list_actions").paginate(PaginationConfig={"PageSize": 3})
    actions = [action for page in pages for action in page["actions"]]
    assert [action["id"] for action in actions] == sorted({action["id"] for action in actions})
    assert THROTTLE in [action["id"] for action in actions]
    for summary in actions:
        action = fis.get_action(id=summary["id"])["action"]
        assert action["parameters"]["duration"]["required"] and action["arn"] == summary["arn"]
    assert refused(fis.get_action, id="aws:ec2:stop-instances") == ("ResourceNotFoundException", 404)


def test_templates(fis, stream):
    token, asked = uuid.uuid4().hex, template(stream)
    made = fis.create_experiment_template(clientToken=token, **asked)["experimentTemplate"]
    assert made["id"].startswith("EXT") and made["arn"].endswith(f":experiment-template/{made['id']}")
    assert {key: made[key] for key in asked} == asked
    assert abs(made["creationTime"].timestamp() - time.time()) < 60
    assert fis.create_experiment_template(clientToken=token, **asked)["experimentTemplate"] == made
    other = fis.create_experiment_template(**asked)["experimentTemplate"]
    assert other["id"] != made["id"], "another token makes another template"
    conflict = refused(fis.create_experiment_template, clientToken=token, **template(stream, "PT2M"))
    assert conflict == ("ConflictException", 409)
    assert fis.get_experiment_template(id=made["id"])["experimentTemplate"] == made
    pages = fis.get_paginator("list_experiment_templates").paginate(PaginationConfig={"PageSize": 1})
    assert [each["id"] for page in pages for each in page["experimentTemplates"]] == [made["id"], other["id"]]
    changed = fis.update_experiment_template(id=made["id"], description="changed")["experimentTemplate"]
    assert changed == {**made, "description": "changed", "lastUpdateTime": changed["lastUpdateTime"]}
    for each in (made, other):
        fis.delete_experiment_template(id=each["id"])
    for call in (fis.get_experiment_template, fis.delete_experiment_template, fis.update_experiment_template):
        assert refused(call, id=made["id"]) == ("ResourceNotFoundException", 404)
    assert fis.list_experiment_templates()["experimentTemplates"] == []


def test_what_cannot_stand_is_refused(fis, stream):
    for wrong in (
            template(stream, action="aws:ec2:stop-instances"), template(stream, "PT1S"), template("no/stream"),
            template(stream, targets={}), template(stream, stopConditions=[{"source": "weather"}])):
        assert refused(fis.create_experiment_template, **wrong) == ("ValidationException", 400)
    missing = "EXT" + "0" * 14
    assert refused(fis.start_experiment, experimentTemplateId=missing) == ("ResourceNotFoundException", 404)
    for call in (fis.get_experiment, fis.stop_experiment):
        for unknown in ("EXP" + "0" * 14, "nothing"):
            assert refused(call, id=unknown) == ("ResourceNotFoundException", 404)
    not_offered = refused(fis.list_tags_for_resource, resourceArn=f"arn:aws:fis:{REGION}:000000000000:experiment/x")
    assert not_offered == ("UnknownOperationException", 404)


def test_a_stream_is_throttled_and_given_back(cluster, fis, stream):
    made = fis.create_experiment_template(**template(stream))["experimentTemplate"]["id"]
    assert put(cluster, stream) is None
    token = uuid.uuid4().hex
    start = {"clientToken": token, "experimentTemplateId": made, "tags": {"run": "1"}}
    started = fis.start_experiment(**start)["experiment"]
    assert started["id"].startswith("EXP") and started["state"]["status"] == "initiating"
    assert fis.start_experiment(**start)["experiment"]["id"] == started["id"], "the same token is the same experiment"
    assert refused(fis.start_experiment, experimentTemplateId=made) == ("ConflictException", 409)
    wait_fired(fis, started["id"])
    assert [put(cluster, stream) for _ in range(5)] == ["ProvisionedThroughputExceededException"] * 5
    drill = cluster.ana("drill", "run", "leader-kill", check=False)
    assert drill.returncode == 2, "one drill at a time, whoever runs it"
    ended = wait_for(fis, started["id"], "completed", seconds=60 + AROUND_SECONDS_MAX)
    assert put(cluster, stream) is None
    action = ended["actions"]["throttle"]
    assert action["state"]["status"] == "completed"
    assert 59 < (action["endTime"] - action["startTime"]).total_seconds() < 75
    assert ended["startTime"] < action["startTime"] < action["endTime"] <= ended["endTime"]
    assert (ended["experimentTemplateId"], ended["tags"]) == (made, {"run": "1"})
    run = ended["state"]["reason"].rsplit(" ", 1)[1]
    report = json.loads(cluster.ana("drill", "report", run, "-o", "json").stdout)
    assert (report["outcome"], report["drill"]) == ("passed", "throttle")
    listed = fis.list_experiments(experimentTemplateId=made)["experiments"]
    assert [(each["id"], each["state"]["status"]) for each in listed] == [(started["id"], "completed")]
    assert fis.list_experiments(experimentTemplateId="EXT" + "0" * 14)["experiments"] == []
    assert refused(fis.stop_experiment, id=started["id"]) == ("ValidationException", 400)
    fis.delete_experiment_template(id=made)
    assert fis.get_experiment(id=started["id"])["experiment"]["state"]["status"] == "completed"


def test_an_experiment_is_stopped(cluster, fis, stream, made):
    started = fis.start_experiment(experimentTemplateId=made)["experiment"]["id"]
    wait_fired(fis, started)
    assert put(cluster, stream) == "ProvisionedThroughputExceededException"
    assert fis.stop_experiment(id=started)["experiment"]["state"]["status"] == "stopping"
    ended = wait_for(fis, started, "stopped")
    assert ended["actions"]["throttle"]["state"]["status"] == "stopped"
    assert "stopped by StopExperiment" in ended["state"]["reason"]
    assert put(cluster, stream) is None


def test_one_that_is_stopped_before_it_breaks_anything(cluster, fis, stream, made):
    started = fis.start_experiment(experimentTemplateId=made)["experiment"]["id"]
    fis.stop_experiment(id=started)
    ended = wait_for(fis, started, "stopped")
    assert ended["actions"]["throttle"]["state"]["status"] in ("cancelled", "stopped")
    assert put(cluster, stream) is None


def test_a_target_that_is_not_there_fails_the_experiment(fis):
    made = fis.create_experiment_template(**template("nobody-has-it"))["experimentTemplate"]["id"]
    started = fis.start_experiment(experimentTemplateId=made)["experiment"]["id"]
    ended = wait_for(fis, started, "failed")
    assert "could not run" in ended["state"]["reason"] and "nobody-has-it" in ended["state"]["reason"]
    assert ended["actions"]["throttle"]["state"]["status"] == "cancelled"
    fis.delete_experiment_template(id=made)


def test_the_aws_cli(cluster, stream):
    def aws(*arguments: str) -> dict:
        done = subprocess.run(
            [AWS, "fis", *arguments, "--endpoint-url", cluster.endpoint, "--region", REGION, "--output", "json"],
            capture_output=True, text=True, timeout=60, env=cluster.environment())
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    made = aws("create-experiment-template", "--cli-input-json", json.dumps(template(stream)))["experimentTemplate"]["id"]
    started = aws("start-experiment", "--experiment-template-id", made)["experiment"]["id"]
    aws("stop-experiment", "--id", started)
    deadline = time.monotonic() + AROUND_SECONDS_MAX
    while aws("get-experiment", "--id", started)["experiment"]["state"]["status"] != "stopped":
        assert time.monotonic() < deadline
    assert any(each["id"] == started for each in aws("list-experiments")["experiments"])
    aws("delete-experiment-template", "--id", made)


def test_signatures_are_checked(secure_cluster, name):
    """An experiment also proves that the drill itself signs what it asks of the nodes."""
    fis, kinesis = client(secure_cluster), secure_cluster.client()
    wrong = client(secure_cluster, secret_key="not the secret")
    assert refused(wrong.list_experiments) == ("InvalidSignatureException", 403)
    by_a_node = client(secure_cluster, scheme="https")
    assert refused(by_a_node.list_experiments) == ("ValidationException", 400)
    kinesis.create_stream(StreamName=name, ShardCount=1)
    wait_active(kinesis, name)
    made = fis.create_experiment_template(**template(name, "PT5M"))["experimentTemplate"]["id"]
    started = fis.start_experiment(experimentTemplateId=made)["experiment"]["id"]
    wait_fired(fis, started)
    assert put(secure_cluster, name) == "ProvisionedThroughputExceededException"
    fis.stop_experiment(id=started)
    wait_for(fis, started, "stopped")
    fis.delete_experiment_template(id=made)
    kinesis.delete_stream(StreamName=name)


def again(cluster):
    """Starts `ana up` again on the same folder."""
    cluster.process = subprocess.Popen(
        cluster.process.args, stdin=subprocess.DEVNULL, stdout=open(cluster.log, "ab"), stderr=subprocess.STDOUT)
    deadline = time.monotonic() + conftest.START_SECONDS_MAX
    while cluster.ana("status", check=False).returncode != 0:
        assert cluster.process.poll() is None and time.monotonic() < deadline, open(cluster.log).read()
        time.sleep(0.2)


@pytest.mark.parametrize("crash, status", [(False, "stopped"), (True, "failed")])
def test_what_was_made_outlives_a_restart(cluster, fis, stream, made, crash, status):
    before = fis.get_experiment_template(id=made)["experimentTemplate"]
    started = fis.start_experiment(experimentTemplateId=made)["experiment"]["id"]
    wait_fired(fis, started)
    if crash:
        cluster.process.kill()
        cluster.process.wait(timeout=30)
    else:
        cluster.stop()
    again(cluster)
    assert fis.get_experiment_template(id=made)["experimentTemplate"] == before
    ended = fis.get_experiment(id=started)["experiment"]
    assert (ended["state"]["status"], "ana up" in ended["state"]["reason"]) == (status, True), ended["state"]
    assert put(cluster, stream) is None
