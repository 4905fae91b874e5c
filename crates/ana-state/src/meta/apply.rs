//! Hands each command to the file of its operation, and nothing else.

use super::{MetaCommand, MetaOutcome, MetaRefusal, MetaReply, Metadata, NodeCommand};
use super::{consumers, merge, moves, nodes, reshard, scaling, settings, split, streams, tags};
use ana_types::KinesisError;

/// What a handler did.
#[derive(Debug)]
pub(super) enum Effect {
    /// The machine is no longer what it was.
    Changed(MetaReply),
    /// It is as before: the work was done already, or there is nothing to do it to.
    Unchanged,
    /// It is as before, and the caller is told more than that.
    Told(MetaReply),
    /// It is as before: the command does not fit.
    Refused(MetaRefusal),
}

/// What a handler gives back. An error means that nothing was changed.
pub(super) type Handled = Result<Effect, KinesisError>;

/// The usual effect: changed, nothing more to say.
pub(super) const DONE: Handled = Ok(Effect::Changed(MetaReply::Done));

pub(super) fn apply(machine: &mut Metadata, index: u64, command: MetaCommand) -> MetaOutcome {
    if index <= machine.last_index {
        let why = format!(
            "index {index} was applied before, up to {}",
            machine.last_index
        );
        return Err(KinesisError::Internal { why });
    }
    machine.last_index = index;
    match dispatch(machine, command)? {
        Effect::Changed(reply) => {
            machine.version += 1;
            Ok(reply)
        }
        Effect::Unchanged => Ok(MetaReply::Done),
        Effect::Told(reply) => Ok(reply),
        Effect::Refused(why) => Ok(MetaReply::Refused(why)),
    }
}

fn dispatch(machine: &mut Metadata, command: MetaCommand) -> Handled {
    match command {
        MetaCommand::InitCluster {
            cluster_id,
            secret,
            members,
        } => nodes::init_cluster(machine, cluster_id, secret, members),
        MetaCommand::RegisterNode(member) => nodes::register(machine, member),
        MetaCommand::SetShardLimit { limit } => streams::set_shard_limit(machine, limit),
        MetaCommand::CreateStream {
            name,
            mode,
            shard_count,
            retention_hours,
            max_record_kib,
            tags,
            now_ms,
            warm_throughput_mibps,
        } => {
            let shards = streams::shards_wanted(mode, shard_count)?;
            let settings = streams::Settings {
                retention_hours,
                max_record_kib,
                tags,
                warm_throughput_mibps,
            };
            streams::create(machine, name, shards, settings, now_ms)
        }
        MetaCommand::ActivateStream { key, now_ms: _ } => streams::activate(machine, key),
        MetaCommand::DeleteStream {
            name,
            enforce_consumer_deletion,
            now_ms,
        } => streams::delete(machine, &name, enforce_consumer_deletion, now_ms),
        MetaCommand::FinishDelete { key } => streams::finish_delete(machine, key),
        MetaCommand::SplitShard {
            name,
            shard,
            new_start,
            now_ms,
        } => split::split(machine, &name, shard, new_start, now_ms),
        MetaCommand::MergeShards { name, a, b, now_ms } => {
            merge::merge(machine, &name, a, b, now_ms)
        }
        MetaCommand::ParentsClosed { key, closed } => {
            reshard::parents_closed(machine, key, &closed)
        }
        MetaCommand::FinishReshard { key, first_child } => {
            reshard::finish(machine, key, first_child)
        }
        MetaCommand::SetRetention {
            name,
            hours,
            increase,
            now_ms,
        } => streams::set_retention(machine, &name, hours, increase, now_ms),
        MetaCommand::FinishUpdate { key } => streams::finish_update(machine, key),
        MetaCommand::AddTags { name, tags } => tags::add(machine, &name, tags),
        MetaCommand::RemoveTags { name, keys } => tags::remove(machine, &name, &keys),
        MetaCommand::Consumer(command) => consumers::apply(machine, command),
        MetaCommand::Setting(command) => settings::apply(machine, command),
        MetaCommand::Scaling(command) => scaling::apply(machine, command),
        MetaCommand::ExpireShards { key, shards } => reshard::expire(machine, key, &shards),
        MetaCommand::Node(command) => dispatch_node(machine, command),
    }
}

fn dispatch_node(machine: &mut Metadata, command: NodeCommand) -> Handled {
    match command {
        NodeCommand::Add(member) => nodes::add(machine, member),
        NodeCommand::Remove { node, force } => nodes::remove(machine, node, force),
        NodeCommand::Replace { node, by } => nodes::replace(machine, node, by),
        NodeCommand::Report {
            member,
            incarnation,
        } => nodes::report(machine, member, incarnation),
        NodeCommand::BeginMoves { unreachable } => moves::begin(machine, &unreachable),
        NodeCommand::SwitchMove { group, id } => moves::switch(machine, group, id),
        NodeCommand::FinishMove { group, id } => moves::finish(machine, group, id),
        NodeCommand::UndoneMove { group, id } => moves::undone(machine, group, id),
        NodeCommand::ReplicaDeleted { group, node } => moves::replica_deleted(machine, group, node),
        NodeCommand::FinishRemove { node } => nodes::finish_remove(machine, node),
    }
}
