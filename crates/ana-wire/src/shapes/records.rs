//! Records as `GetRecords` and the events of `SubscribeToShard` show them.

use ana_types::StoredRecord;

use crate::shapes::monitoring::write_encrypted;
use crate::writer::Writer;

/// Room for the member names, numbers and punctuation of one record.
const RECORD_OVERHEAD_BYTES: usize = 192;

/// The member `Records`, inside a structure that the caller opened.
pub(crate) fn write_records<W: Writer>(out: &mut W, records: &[StoredRecord]) {
    out.reserve(
        records
            .iter()
            .map(|r| r.data.len().div_ceil(3) * 4 + r.partition_key.len())
            .map(|bytes| bytes + RECORD_OVERHEAD_BYTES)
            .sum(),
    );
    out.member("Records").open_list();
    for record in records {
        out.open_structure();
        out.member("SequenceNumber").display(record.sequence);
        out.member("ApproximateArrivalTimestamp")
            .timestamp_ms(record.arrival_ms);
        out.member("Data").blob(&record.data);
        out.member("PartitionKey")
            .text(&String::from_utf8_lossy(&record.partition_key));
        write_encrypted(out, record.encrypted);
        out.close_structure();
    }
    out.close_list();
}
