"""What can be set on a stream, a consumer or the account, through boto3, unmodified."""
import json

import pytest
from botocore.exceptions import ClientError
from conftest import read_shard, wait_active

METRICS = {"IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords", "WriteProvisionedThroughputExceeded",
           "ReadProvisionedThroughputExceeded", "IteratorAgeMilliseconds"}
KEY = "alias/aws/kinesis"


def code(error) -> str:
    return error.value.response["Error"]["Code"]


@pytest.fixture
def arn(kinesis, stream) -> str:
    return kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]


def test_tags_of_a_resource_and_tags_of_a_stream_are_the_same(kinesis, stream, arn):
    kinesis.tag_resource(ResourceARN=arn, Tags={"b": "2", "a": "1"})
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"c": "3"})
    expected = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}, {"Key": "c", "Value": "3"}]
    assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == expected
    assert kinesis.list_tags_for_stream(StreamName=stream)["Tags"] == expected
    kinesis.untag_resource(ResourceARN=arn, TagKeys=["a", "b", "nobody"])
    assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == expected[2:]
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.tag_resource(ResourceARN=arn + "-nobody", Tags={"a": "1"})


def test_enhanced_monitoring(kinesis, stream):
    on = kinesis.enable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["IncomingBytes", "OutgoingBytes"])
    assert (on["StreamName"], on["CurrentShardLevelMetrics"]) == (stream, [])
    assert set(on["DesiredShardLevelMetrics"]) == {"IncomingBytes", "OutgoingBytes"}
    assert set(wait_active(kinesis, stream)["EnhancedMonitoring"][0]["ShardLevelMetrics"]) == {"IncomingBytes", "OutgoingBytes"}
    everything = kinesis.enable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["ALL"])
    assert set(everything["DesiredShardLevelMetrics"]) == METRICS
    wait_active(kinesis, stream)
    less = kinesis.disable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["OutgoingBytes"])
    assert set(less["CurrentShardLevelMetrics"]) == METRICS
    assert set(less["DesiredShardLevelMetrics"]) == METRICS - {"OutgoingBytes"}
    wait_active(kinesis, stream)
    kinesis.disable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["ALL"])
    assert wait_active(kinesis, stream)["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]


def test_encryption_is_switched_on_and_off(kinesis, stream):
    plain = kinesis.put_record(StreamName=stream, Data=b"plain", PartitionKey="k")
    kinesis.start_stream_encryption(StreamName=stream, EncryptionType="KMS", KeyId=KEY)
    with pytest.raises(kinesis.exceptions.ResourceInUseException):
        kinesis.stop_stream_encryption(StreamName=stream, EncryptionType="KMS", KeyId=KEY)
    summary = wait_active(kinesis, stream)
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", KEY)
    sealed = kinesis.put_record(StreamName=stream, Data=b"sealed", PartitionKey="k")
    assert sealed["EncryptionType"] == "KMS"
    many = kinesis.put_records(StreamName=stream, Records=[{"Data": b"sealed", "PartitionKey": "k"}])
    assert many["EncryptionType"] == "KMS"
    records, _ = read_shard(kinesis, stream, plain["ShardId"], want=3)
    assert [(each["Data"], each.get("EncryptionType")) for each in records] == [
        (b"plain", None), (b"sealed", "KMS"), (b"sealed", "KMS")]
    kinesis.stop_stream_encryption(StreamName=stream, EncryptionType="KMS", KeyId=KEY)
    summary = wait_active(kinesis, stream)
    assert summary["EncryptionType"] == "NONE" and "KeyId" not in summary
    assert "EncryptionType" not in kinesis.put_record(StreamName=stream, Data=b"plain", PartitionKey="k")
    with pytest.raises(kinesis.exceptions.InvalidArgumentException):
        kinesis.start_stream_encryption(StreamName=stream, EncryptionType="NONE", KeyId=KEY)


def policy_of(arn: str, *actions: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Sid": "shared", "Effect": "Allow", "Principal": {"AWS": "111122223333"},
        "Action": [f"kinesis:{each}" for each in actions], "Resource": arn}]})


def test_resource_policies(kinesis, stream, arn):
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.get_resource_policy(ResourceARN=arn)
    for actions in (("DescribeStreamSummary", "ListShards"), ("GetRecords",)):
        kinesis.put_resource_policy(ResourceARN=arn, Policy=policy_of(arn, *actions))
        assert json.loads(kinesis.get_resource_policy(ResourceARN=arn)["Policy"]) == json.loads(policy_of(arn, *actions))
    with pytest.raises(ClientError) as error:
        kinesis.put_resource_policy(ResourceARN=arn, Policy="not a document")
    assert code(error) == "InvalidArgumentException"
    kinesis.delete_resource_policy(ResourceARN=arn)
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.get_resource_policy(ResourceARN=arn)


def test_larger_records_once_the_stream_takes_them(kinesis, stream, arn):
    large = b"x" * (3 * 1024 * 1024)
    put = lambda: kinesis.put_record(StreamName=stream, Data=large, PartitionKey="k")
    with pytest.raises(ClientError) as error:
        put()
    assert code(error) in ("ValidationException", "InvalidArgumentException")
    with pytest.raises(ClientError) as error:
        kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=10241)
    assert code(error) == "ValidationException"
    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=4096)
    assert wait_active(kinesis, stream)["MaxRecordSizeInKiB"] == 4096
    done = put()
    assert read_shard(kinesis, stream, done["ShardId"], want=1)[0][0]["Data"] == large


def test_account_settings(kinesis):
    status = kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]["Status"]
    assert status in ("ENABLED", "DISABLED", "ENABLED_UNTIL_EARLIEST_ALLOWED_END")
    enabled = kinesis.update_account_settings(
        MinimumThroughputBillingCommitment={"Status": "ENABLED"})["MinimumThroughputBillingCommitment"]
    assert enabled["Status"] == "ENABLED"
    day = enabled["EarliestAllowedEndAt"] - enabled["StartedAt"]
    assert abs(day.total_seconds() - 86_400) < 5
    assert kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]["Status"] == "ENABLED"
