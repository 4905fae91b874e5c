//! The front door before nodes that are plain echo servers: who answers, and what is never done.

use ana_env::Listener;
use ana_env::real::{Relay, Relayed};
use ana_env::runtime::scope;
use ana_gateway::{Authentication, Credentials, Signer, Verifier};

use super::*;
use crate::cluster::layout::Layout;
use crate::cluster::members::Members;
use crate::cluster::supervisor::Supervisor;
use crate::cluster::supervisor_api::About;
use crate::config::MemberConfig;

#[test]
fn the_first_bytes_decide() {
    let cases: [(&[u8], Option<Choice>); 13] = [
        (b"", None),
        (b"P", None),
        (b"GET /_ana/super", None),
        (
            b"GET /_ana/supervisor/status HTTP/1.1",
            Some(Choice::Supervisor),
        ),
        (
            b"POST /_ana/supervisor/zone/a/kill",
            Some(Choice::Supervisor),
        ),
        (b"GET /_ana/status", Some(Choice::Node)),
        (b"POST / HTTP/1.1", Some(Choice::Node)),
        (b"POST /experi", None),
        (b"POST /experiments HTTP/1.1", Some(Choice::Supervisor)),
        (b"DELETE /experiments/EXP1", Some(Choice::Supervisor)),
        (b"PUT /experiments", Some(Choice::Node)),
        (b"PRI * HTTP/2.0", Some(Choice::Node)),
        (b"\x16", Some(Choice::Node)),
    ];
    for (first, choice) in cases {
        assert_eq!(choose(first), choice, "{}", String::from_utf8_lossy(first));
    }
}

/// A front door with nodes 1.. at these addresses, all running; gives its address.
async fn open_door(env: &Env, nodes: &[String], tasks: &Tasks) -> String {
    open_door_for(env, nodes, tasks, Authentication::Off).await
}

/// The same for those whom `authentication` admits to the supervisor.
async fn open_door_for(
    env: &Env,
    nodes: &[String],
    tasks: &Tasks,
    authentication: Authentication,
) -> String {
    open_door_of(env, &running(nodes), tasks, authentication).await
}

/// Nodes 1.. at these addresses, all running; none of them has answered yet.
fn running(nodes: &[String]) -> (Arc<Roster>, Vec<MemberConfig>) {
    let members: Vec<MemberConfig> = (1..)
        .zip(nodes)
        .map(|(id, api)| MemberConfig {
            id,
            zone: "a".to_owned(),
            api: api.clone(),
            peer: String::new(),
        })
        .collect();
    let roster = Arc::new(Roster::new(&members));
    for member in &members {
        roster.runs(member.id, true);
    }
    (roster, members)
}

async fn open_door_of(
    env: &Env,
    (roster, members): &(Arc<Roster>, Vec<MemberConfig>),
    tasks: &Tasks,
    authentication: Authentication,
) -> String {
    let layout = Layout::of_nodes("/nowhere".into(), members.clone());
    let (disk, plan) = (Env::real().disk, layout.clone());
    let (supervisor, handle) = Supervisor::new("/bin/false".into(), disk, plan, Arc::clone(roster));
    let members = Members::new(env.clone(), layout, handle.clone());
    drop(supervisor);
    let about = About {
        endpoint: "http://door".to_owned(),
        data_dir: "/nowhere".to_owned(),
        ca: None,
    };
    let doorway = Doorway::bind("127.0.0.1:0").await.expect("a free port");
    let address = doorway.local_addr().expect("it listens");
    let door = FrontDoor::new(
        env.clone(),
        Arc::clone(roster),
        SupervisorApi::new(handle, members, about, authentication),
    );
    tasks.spawn(door.serve(doorway));
    address
}

/// A server that answers `name:` and all it was sent, once its client has ended its side.
async fn echo_server(env: &Env, name: &'static str, tasks: &Tasks) -> String {
    let listener = env.net.listen("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr();
    echo(listener, name, tasks);
    address
}

/// Two of them.
async fn echo_servers(env: &Env, names: [&'static str; 2], tasks: &Tasks) -> [String; 2] {
    let [one, two] = names;
    [
        echo_server(env, one, tasks).await,
        echo_server(env, two, tasks).await,
    ]
}

/// The same for connections that are given to it.
fn given_echo_server(name: &'static str, tasks: &Tasks) -> Relay {
    let (relay, socket) = Relay::pair().expect("descriptors");
    let listener = Relayed::from_socket(socket).expect("a socket");
    echo(Box::new(listener), name, tasks);
    relay
}

fn echo(mut listener: Box<dyn Listener>, name: &'static str, tasks: &Tasks) {
    tasks.spawn(async move {
        while let Ok((mut stream, _peer)) = listener.accept().await {
            let mut said = Vec::new();
            if stream.read_to_end(&mut said).await.is_ok() {
                let answer = [name.as_bytes(), b":", &said].concat();
                stream.write_all(&answer).await.expect("the door listens");
                stream.shutdown().await.expect("the door listens");
            }
        }
    });
}

/// A port on which nobody listens.
async fn dead_address(env: &Env) -> String {
    env.net
        .listen("127.0.0.1:0")
        .await
        .expect("a free port")
        .local_addr()
}

async fn exchange(env: &Env, door: &str, said: &str) -> String {
    let mut stream = env.net.connect(door).await.expect("the door is open");
    stream
        .write_all(said.as_bytes())
        .await
        .expect("the door listens");
    stream.shutdown().await.expect("the door listens");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .expect("the door answers");
    answer
}

/// What four connections are answered, in alphabetical order.
async fn four_exchanges(env: &Env, door: &str, request: &str) -> Vec<String> {
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(exchange(env, door, request).await);
    }
    answers.sort();
    answers
}

/// An HTTP request that is kept open until the answer has ended.
async fn ask(env: &Env, door: &str, request: &str) -> String {
    let mut stream = env.net.connect(door).await.expect("the door is open");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the door listens");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .expect("the door answers and closes");
    answer
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(scope(1, test));
}

#[test]
fn connections_take_turns_and_half_closes_pass_through() {
    run(async {
        let (env, tasks) = (Env::real(), Tasks::new());
        let nodes = echo_servers(&env, ["one", "two"], &tasks).await;
        let door = open_door(&env, &nodes, &tasks).await;
        let answers = four_exchanges(&env, &door, "POST / hello").await;
        let (one, two) = ("one:POST / hello", "two:POST / hello");
        assert!(
            answers.iter().all(|answer| answer == one || answer == two),
            "{answers:?}"
        );
    });
}

#[test]
fn bytes_go_to_nodes_that_answer_in_turn() {
    run(async {
        let (env, tasks) = (Env::real(), Tasks::new());
        let nodes = echo_servers(&env, ["one", "two"], &tasks).await;
        let running = running(&nodes);
        running.0.checked(1, true);
        running.0.checked(2, true);
        let door = open_door_of(&env, &running, &tasks, Authentication::Off).await;
        let answers = four_exchanges(&env, &door, "POST / x").await;
        assert_eq!(
            answers,
            [
                "one:POST / x",
                "one:POST / x",
                "two:POST / x",
                "two:POST / x"
            ]
        );
    });
}

#[test]
fn sockets_are_given_to_nodes_that_answer_and_bytes_passed_to_others() {
    run(async {
        let (env, tasks) = (Env::real(), Tasks::new());
        let nodes = echo_servers(&env, ["one by bytes", "two by bytes"], &tasks).await;
        let running = running(&nodes);
        let roster = Arc::clone(&running.0);
        let door = open_door_of(&env, &running, &tasks, Authentication::Off).await;
        roster.takes_over_by(1, given_echo_server("one by socket", &tasks));
        let said = exchange(&env, &door, "POST / hello").await;
        assert!(said.contains("by bytes:"), "none answers yet: {said}");
        roster.checked(1, true);
        for _ in 0..3 {
            let said = exchange(&env, &door, "POST / hello").await;
            assert_eq!(said, "one by socket:POST / hello");
        }
        // The paths of the supervisor stay here, and a first byte that decides nothing is waited for.
        let request = "GET /_ana/supervisor/status HTTP/1.1\r\nhost: x\r\n\r\n";
        let said = ask(&env, &door, request).await;
        assert!(said.contains("\"endpoint\":\"http://door\""), "{said}");
        let mut stream = env.net.connect(&door).await.expect("the door is open");
        for piece in ["P", "OST / in pieces"] {
            let written = stream.write_all(piece.as_bytes()).await;
            written.expect("the door listens");
            time::sleep(Duration::from_millis(20)).await;
        }
        stream.shutdown().await.expect("the door listens");
        let mut said = String::new();
        let read = stream.read_to_string(&mut said).await;
        read.expect("the door answers");
        assert!(said.ends_with(":POST / in pieces"), "{said}");
        // A process that ends takes no more, and its successor is given nothing before it answers.
        roster.takes_over_by(1, {
            let (relay, socket) = Relay::pair().expect("descriptors");
            drop(socket);
            relay
        });
        let said = exchange(&env, &door, "POST / hello").await;
        assert!(said.contains("by bytes:"), "{said}");
        roster.runs(1, true);
        roster.checked(1, true);
        let said = exchange(&env, &door, "POST / hello").await;
        assert!(
            said.contains("one by bytes:"),
            "no relay of its own: {said}"
        );
    });
}

#[test]
fn a_dead_node_is_passed_over() {
    run(async {
        let (env, tasks) = (Env::real(), Tasks::new());
        let nodes = [
            dead_address(&env).await,
            echo_server(&env, "alive", &tasks).await,
        ];
        let door = open_door(&env, &nodes, &tasks).await;
        for _ in 0..3 {
            assert_eq!(exchange(&env, &door, "POST / x").await, "alive:POST / x");
        }
    });
}

#[test]
fn without_a_live_node_the_answer_is_503_and_the_connection_ends() {
    run(async {
        let (env, tasks) = (Env::real(), Tasks::new());
        let door = open_door(&env, &[dead_address(&env).await], &tasks).await;
        let body = "x".repeat(100_000);
        let request = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{body}");
        let answer = ask(&env, &door, &request).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(
            answer.contains("\"__type\":\"ServiceUnavailable\""),
            "{answer}"
        );
    });
}

#[test]
fn the_supervisor_is_reached_whatever_the_nodes_do() {
    run(async {
        let (env, tasks) = (Env::real(), Tasks::new());
        let nodes = [
            dead_address(&env).await,
            echo_server(&env, "node", &tasks).await,
        ];
        let door = open_door(&env, &nodes, &tasks).await;
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        let answer = ask(&env, &door, &get("/_ana/supervisor/status")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("\"endpoint\":\"http://door\""), "{answer}");
        let answer = ask(&env, &door, &get("/_ana/supervisor/nothing")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        let order = "POST /_ana/supervisor/node/9/kill HTTP/1.1\r\nhost: x\r\n\r\n";
        let answer = ask(&env, &door, order).await;
        assert!(answer.contains("there is no node 9"), "{answer}");
    });
}

#[test]
fn tls_goes_to_a_node_unchanged_and_ends_when_there_is_none() {
    run(async {
        let (env, tasks) = (Env::real(), Tasks::new());
        let door = open_door(&env, &[echo_server(&env, "node", &tasks).await], &tasks).await;
        let hello = "\u{16}\u{3}\u{1}\0hello";
        assert_eq!(exchange(&env, &door, hello).await, format!("node:{hello}"));
        let door = open_door(&env, &[dead_address(&env).await], &tasks).await;
        let mut stream = env.net.connect(&door).await.expect("the door is open");
        stream
            .write_all(hello.as_bytes())
            .await
            .expect("the door listens");
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer).await {
            Ok(_) | Err(_) => {}
        }
        assert!(answer.is_empty(), "nothing in plain text: {answer:?}");
    });
}

#[test]
fn with_authentication_the_supervisor_obeys_the_signed_alone() {
    run(async {
        let (env, tasks) = (Env::real(), Tasks::new());
        let text =
            "[[credential]]\naccess_key = \"AKIAEXAMPLE\"\nsecret_key = \"a-secret-of-the-test\"\n";
        let credentials = Credentials::from_toml(text).expect("a good file");
        let signer = Signer::first_of(&credentials, "us-east-1");
        let verifier = Verifier::new(credentials, "us-east-1");
        let on = Authentication::On(Arc::new(verifier));
        let door = open_door_for(&env, &[dead_address(&env).await], &tasks, on).await;
        for path in ["/_ana/supervisor/status", "/_ana/supervisor/nothing"] {
            let unsigned = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
            let answer = ask(&env, &door, &unsigned).await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
            assert!(answer.contains("Missing Authentication Token"), "{answer}");
        }
        let request = Request::get("/_ana/supervisor/status").header("host", "x");
        let (mut head, ()) = request.body(()).expect("a request").into_parts();
        let now_ms = env.clock.now_ms();
        signer.sign(&mut head, b"", now_ms).expect("it has a host");
        let mut signed = "GET /_ana/supervisor/status HTTP/1.1\r\n".to_owned();
        for (name, value) in &head.headers {
            signed.push_str(&format!("{name}: {}\r\n", value.to_str().expect("ASCII")));
        }
        let answer = ask(&env, &door, &format!("{signed}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    });
}
