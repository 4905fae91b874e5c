//! ListActions.

use ana_drill::fis::api::catalogue::ALL;
use ana_drill::fis::api::page::Page;
use serde_json::Value;

use super::listed;

pub(in crate::fis) fn list_actions(page: &Page) -> Value {
    let all = ALL
        .iter()
        .map(|known| (known.id.to_owned(), known.summary()));
    listed("actions", page.of(all))
}
