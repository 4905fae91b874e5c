//! HTTP/1.1: requests as boto3 sends them, AWS's headers, bounds on length, time and number.
//!
//! Time is simulated: a wait of minutes costs nothing and ends exactly when it should.

use crate::common;

use std::time::Duration;

use ana_env::runtime::scope;
use ana_env::time::{now, sleep};
use ana_gateway::GatewayConfig;
use ana_wire::Request;
use common::{BOTO3_HEAD, Door, boto3};

const PUT: &str = r#"{"StreamName": "clicks", "Data": "aGVsbG8=", "PartitionKey": "user-1"}"#;

fn put_to(stream: &str) -> String {
    PUT.replace("clicks", stream)
}

fn door() -> Door {
    Door::open(GatewayConfig::default())
}

#[tokio::test(start_paused = true)]
async fn a_put_of_boto3_is_answered_as_aws_does() {
    scope(1, async {
        let door = door();
        let mut client = door.connect().await;
        for _ in 0..3 {
            let reply = client.call("PutRecord", PUT).await;
            assert_eq!(reply.status, 200);
            assert_eq!(
                reply.header("content-type"),
                Some("application/x-amz-json-1.1")
            );
            assert_eq!(reply.header("x-amzn-requestid").expect("an id").len(), 36);
            assert!((64..=120).contains(&reply.header("x-amz-id-2").expect("an id").len()));
            assert!(reply.header("date").is_some());
            assert!(
                reply
                    .body
                    .starts_with(r#"{"ShardId":"shardId-000000000000","SequenceNumber":""#)
            );
        }
        let seen = door.service.seen.lock().expect("not poisoned").clone();
        let Request::PutRecord(put) = &seen[0] else {
            panic!("PutRecord")
        };
        assert_eq!(put.data, "hello");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_operation_without_output_has_an_empty_body() {
    scope(1, async {
        let mut client = door().connect().await;
        let reply = client.call("DeleteStream", r#"{"StreamName": "a"}"#).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
        assert_eq!(reply.header("content-length"), Some("0"));
        assert_eq!(
            reply.header("content-type"),
            Some("application/x-amz-json-1.1")
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn faults_have_their_status_and_body() {
    scope(1, async {
        let mut client = door().connect().await;
        let reply = client.call("PutRecord", &put_to("missing")).await;
        let text = r#"{"__type":"ResourceNotFoundException","message":"Stream missing under account 000000000000 not found."}"#;
        assert_eq!((reply.status, reply.body.as_str()), (400, text));
        let reply = client.call("PutRecord", &put_to("down")).await;
        assert_eq!((reply.status, reply.error_type().as_str()), (503, "ServiceUnavailable"));
        let reply = client.call("PutRecord", r#"{"StreamName":5}"#).await;
        assert_eq!(reply.status, 400);
        assert!(reply.body.contains(r#""Message":"class com.amazon"#), "{}", reply.body);
        let reply = client.call("CreateQueue", "{}").await;
        assert_eq!((reply.status, reply.error_type().as_str()), (400, "UnknownOperationException"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn bodies_beyond_the_cap_get_413_and_nothing_else() {
    scope(1, async {
        let door = Door::open(GatewayConfig {
            body_bytes_max: 1000,
            ..GatewayConfig::default()
        });
        let mut client = door.connect().await;
        client.send(&boto3("PutRecord", &"x".repeat(200_000))).await;
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.body.as_str()), (413, ""));
        assert!(client.is_closed().await);

        let mut client = door.connect().await;
        let head = BOTO3_HEAD.replace("OPERATION", "PutRecord");
        client
            .send(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes())
            .await;
        for _ in 0..50 {
            client
                .send(format!("64\r\n{}\r\n", "x".repeat(100)).as_bytes())
                .await;
        }
        client.send(b"0\r\n\r\n").await;
        assert_eq!(client.reply().await.status, 413);

        let mut client = door.connect().await;
        client
            .send(
                format!("{head}Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
                    .as_bytes(),
            )
            .await;
        assert_eq!(client.reply().await.status, 413, "and no 100 before it");
        assert!(door.service.seen.lock().expect("not poisoned").is_empty());

        let mut client = door.connect().await;
        assert_eq!(
            client.call("PutRecord", PUT).await.status,
            200,
            "others are served"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_body_of_the_greatest_put_fits() {
    scope(1, async {
        let mut client = door().connect().await;
        let data = "aaaa".repeat(10 * 1024 * 1024 / 3);
        let reply = client
            .call("PutRecord", &PUT.replace("aGVsbG8=", &data))
            .await;
        assert_eq!(reply.status, 200);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn bodies_beyond_the_budget_get_503() {
    scope(1, async {
        let config = GatewayConfig {
            body_budget_bytes: 100 * 1024,
            ..GatewayConfig::default()
        };
        let door = Door::open(config);
        let mut holding = door.connect().await;
        let head = BOTO3_HEAD.replace("OPERATION", "PutRecord");
        let half = "x".repeat(60_000);
        holding
            .send(format!("{head}Content-Length: 90000\r\n\r\n{half}").as_bytes())
            .await;
        sleep(Duration::from_secs(1)).await;
        let mut client = door.connect().await;
        client
            .send_what_is_taken(&boto3("PutRecord", &"y".repeat(60_000)))
            .await;
        let reply = client.reply().await;
        assert_eq!(
            (reply.status, reply.error_type().as_str()),
            (503, "ServiceUnavailable")
        );
        drop(holding);
        sleep(Duration::from_secs(1)).await;
        let mut client = door.connect().await;
        let reply = client.call("PutRecord", &"y".repeat(60_000)).await;
        assert_eq!(
            (reply.status, reply.error_type().as_str()),
            (400, "SerializationException")
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_is_closed() {
    scope(1, async {
        let door = door();
        for bytes in [
            &b""[..],
            b"P",
            b"POST / HTTP/1.1\r\nHost: a\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            let start = now();
            let mut client = door.connect().await;
            client.send(bytes).await;
            while client.try_reply().await.is_some() {}
            let after = now() - start;
            assert!(
                after >= Duration::from_secs(10) && after < Duration::from_secs(26),
                "{after:?}"
            );
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_is_closed() {
    scope(1, async {
        let door = door();
        let mut client = door.connect().await;
        let start = now();
        let head = BOTO3_HEAD.as_bytes();
        for byte in head {
            client.send_what_is_taken(&[*byte]).await;
            sleep(Duration::from_millis(500)).await;
            if now() - start > Duration::from_secs(30) {
                break;
            }
        }
        assert!(client.is_closed().await);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_lives_longer_than_clients_keep_theirs_and_then_ends() {
    scope(1, async {
        let door = door();
        let mut client = door.connect().await;
        assert_eq!(client.call("PutRecord", PUT).await.status, 200);
        sleep(Duration::from_secs(70)).await;
        assert_eq!(client.call("PutRecord", PUT).await.status, 200);
        let start = now();
        assert!(client.is_closed().await);
        let after = now() - start;
        assert!(
            after >= Duration::from_secs(75) && after < Duration::from_secs(95),
            "{after:?}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_gets_408() {
    scope(1, async {
        let door = door();
        let mut client = door.connect().await;
        let head = BOTO3_HEAD.replace("OPERATION", "PutRecord");
        client
            .send(format!("{head}Content-Length: 1000\r\n\r\n{{").as_bytes())
            .await;
        let start = now();
        let reply = client.reply().await;
        assert_eq!(reply.status, 408);
        assert_eq!((now() - start).as_secs(), 30);
        assert!(client.is_closed().await);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_dropped() {
    scope(1, async {
        let door = door();
        let mut client = door.connect().await;
        client
            .send(&boto3("GetRecords", r#"{"ShardIterator": "AAAA"}"#))
            .await;
        sleep(Duration::from_secs(200)).await;
        assert!(
            client.try_reply().await.is_none(),
            "the answer was never read to its end"
        );

        let mut client = door.connect().await;
        let reply = client
            .call("GetRecords", r#"{"ShardIterator": "AAAA"}"#)
            .await;
        assert!(
            reply.body.len() > 8 * 1024 * 1024,
            "one that reads gets it all"
        );
    })
    .await;
}

/// An exchange lasts as long as its answer is read: a slow reader is not an idle connection.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_gets_it_all() {
    scope(
        1,
        Box::pin(async {
            let door = door();
            let mut client = door.connect().await;
            client
                .send(&boto3("GetRecords", r#"{"ShardIterator": "AAAA"}"#))
                .await;
            let start = now();
            let mut read = 0;
            while read < 8 * 1024 * 1024 / 3 * 4 {
                let mut piece = [0; 16 * 1024];
                let length = tokio::io::AsyncReadExt::read(&mut client.0, &mut piece).await;
                let length = length.expect("the connection goes on");
                assert!(length > 0, "closed after {read} bytes");
                read += length;
                sleep(Duration::from_millis(140)).await;
            }
            let took = now() - start;
            assert!(
                took > Duration::from_secs(90) && took < Duration::from_secs(119),
                "{took:?}"
            );
        }),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn connections_beyond_the_bound_are_closed_at_once() {
    scope(1, async {
        let door = Door::open(GatewayConfig {
            connections_max: 2,
            ..GatewayConfig::default()
        });
        let mut first = door.connect().await;
        let mut second = door.connect().await;
        assert_eq!(first.call("PutRecord", PUT).await.status, 200);
        assert_eq!(second.call("PutRecord", PUT).await.status, 200);
        assert!(door.connect().await.is_closed().await);
        drop(first);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(
            door.connect().await.call("PutRecord", PUT).await.status,
            200
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_requests_end_and_no_longer() {
    scope(1, async {
        let mut door = door();
        let mut idle = door.connect().await;
        assert_eq!(idle.call("PutRecord", PUT).await.status, 200);
        let mut slow = door.connect().await;
        slow.send(&boto3("PutRecord", &put_to("slow"))).await;
        let mut stuck = door.connect().await;
        stuck.send(&boto3("PutRecord", &put_to("stuck"))).await;
        sleep(Duration::from_millis(10)).await;
        let start = now();
        door.stop();
        assert_eq!(slow.reply().await.status, 200);
        assert!(slow.is_closed().await && idle.is_closed().await);
        assert!(stuck.is_closed().await);
        door.serving.await.expect("no panic");
        assert_eq!((now() - start).as_secs(), 5);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn admin_paths_go_to_the_admin_handler() {
    scope(1, async {
        let mut client = door().connect().await;
        client
            .send(b"GET /_ana/status?x=1 HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let reply = client.reply().await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (202, "GET /_ana/status?x=1 ")
        );
        client
            .send(b"POST /_ana/node HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nstop")
            .await;
        assert_eq!(client.reply().await.body, "POST /_ana/node stop");
        client
            .send(b"DELETE /_ana/x HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        assert_eq!(client.reply().await.status, 405);
    })
    .await;
}
