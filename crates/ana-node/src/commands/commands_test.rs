//! The command line as a whole: it parses, it can be learned from, it hides nothing.

use clap::CommandFactory;

use super::*;

fn all_commands() -> Vec<clap::Command> {
    let mut waiting = vec![Cli::command()];
    let mut all = Vec::new();
    while let Some(command) = waiting.pop() {
        waiting.extend(command.get_subcommands().cloned());
        all.push(command);
    }
    all
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn nothing_is_hidden_and_everything_is_explained() {
    for command in all_commands() {
        assert!(!command.is_hide_set(), "{}", command.get_name());
        assert!(
            command.get_about().is_some(),
            "{} has no help",
            command.get_name()
        );
        for argument in command.get_arguments() {
            let name = format!("{} {}", command.get_name(), argument.get_id());
            assert!(!argument.is_hide_set(), "{name} is hidden");
            assert!(argument.get_help().is_some(), "{name} has no help");
        }
    }
}

const TYPICAL: &[&str] = &[
    "ana up --nodes-per-zone 2 --data-dir /tmp/x --port 5000 --limits off",
    "ana up --single",
    "ana up --tls --auth on --credentials who.toml --on-demand-seconds 2",
    "ana server --config node.toml",
    "ana server --config node.toml --auth on --credentials who.toml",
    "ana status --endpoint https://localhost:4567 --ca ca.pem --credentials who.toml",
    "ana status -o json --endpoint http://h:1",
    "ana stream create orders --shards 4 --wait",
    "ana stream split orders shardId-000000000000 --at 12",
    "ana stream merge orders 1 2 --wait",
    "ana stream scale orders --shards 8 --wait",
    "ana stream mode orders on-demand",
    "ana stream mode orders provisioned --wait",
    "ana stream encrypt orders --key alias/k",
    "ana stream decrypt orders",
    "ana stream monitor orders",
    "ana stream monitor orders --enable IncomingBytes,outgoingbytes",
    "ana stream monitor orders --disable ALL",
    "ana consumer ls orders -o json",
    "ana consumer register orders billing --tag team=web --wait",
    "ana consumer describe orders billing",
    "ana consumer rm orders billing",
    "ana limits --commitment on",
    "ana tail orders --consumer billing --raw --from horizon",
    "ana bench fanout --rate 100 --consumers 2 --seconds 3",
    "ana bench fanout --consumers 10 --full-speed 0,1,10",
    "ana put orders -k alice hello",
    "ana put orders --file -",
    "ana tail orders --from 5m --format %v -n 3",
    "ana node kill 2",
    "ana zone start b",
    "ana zone pause b --for 10s",
    "ana zone shift b --for 1m",
    "ana zone shift b --end",
    "ana node pause 2 --for 500ms",
    "ana node wipe 2",
    "ana node flip-bit 2 --file vote --seed 7",
    "ana node tear-tail 2 --bytes 4KiB",
    "ana node add",
    "ana node add --zone b --id 4 --api 10.0.2.11:4567 --peer 10.0.2.11:4667",
    "ana node replace 2 --timeout 60",
    "ana node remove 4 --force",
    "ana leader move orders/0 --to 2",
    "ana leader move 3 --to 2 --for 1h",
    "ana fault ls -o json",
    "ana fault add api.throttle --percent 50 --for 20s --id storm",
    "ana fault add clock.jump --offset -10m --node 1",
    "ana fault add link.cut --from 1 --to 2 --both",
    "ana fault add link.thin --rate 64KiB/s --from 1 --to 2",
    "ana fault add clock.drift --drift -10% --zone b",
    "ana fault add disk.slow --fsync 200ms --node 1",
    "ana fault add api.stale_describe --age 30s",
    "ana fault stop storm",
    "ana fault stop --all",
    "ana verify --stream s --shards 2 --producers 3 --seconds 5 --rate 10 --records 9 -o json",
    "ana bench put --records-per-request 500 --record-bytes 1024 --in-flight 4 --seconds 2",
    "ana completion fish",
    "ana env",
];

const WRONG: &[&str] = &[
    "ana",
    "ana up --single --nodes-per-zone 2",
    "ana up --auth perhaps",
    "ana up --on-demand-seconds 0",
    "ana tail s --from never",
    "ana put",
    "ana fault add disk.fast",
    "ana fault add disk.full --node 1 --zone a",
    "ana fault add link.cut --from 1",
    "ana fault add disk.full --on nowhere",
    "ana fault stop",
    "ana node pause 2 --for 0s",
    "ana node flip-bit 2",
    "ana node add --id 4",
    "ana node remove",
    "ana node flip-bit 2 --file mail",
    "ana zone shift b --for 1m --end",
    "ana leader move orders/0",
    "ana fault add link.thin --rate 0B/s --from 1 --to 2",
    "ana fault stop storm --all",
    "ana stream scale orders",
    "ana stream mode orders sometimes",
    "ana stream monitor orders --enable ALL --disable ALL",
    "ana stream monitor orders --enable Nothing",
    "ana consumer register orders billing --tag team",
];

#[test]
fn typical_lines_are_understood() {
    for line in TYPICAL {
        if let Err(error) = Cli::try_parse_from(line.split(' ')) {
            panic!("{line}: {error}");
        }
    }
    for line in WRONG {
        assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
}

#[test]
fn reports_go_to_paths_or_are_printed() {
    for line in [
        "ana drill report",
        "ana drill report zone-loss --html",
        "ana drill report --html report.html --junit - zone-loss",
        "ana drill report --junit",
        "ana drill run zone-loss --html drill.html --junit drill.xml --quiet",
    ] {
        let parsed = Cli::try_parse_from(line.split(' '));
        assert!(parsed.is_ok(), "{line}: {:?}", parsed.err());
    }
    // The name is taken for the path, and the drill is missing.
    for line in ["ana drill run --html zone-loss", "ana drill report --html="] {
        assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
}
