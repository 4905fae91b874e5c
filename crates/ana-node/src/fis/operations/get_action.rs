//! GetAction.

use ana_drill::fis::api::Refusal;
use ana_drill::fis::api::catalogue::find;

use super::super::ask::Outcome;

pub(in crate::fis) fn get_action(id: &str) -> Outcome {
    let known = find(id).ok_or_else(|| {
        Refusal::not_found(format!(
            "there is no action {id:?}; try: aws fis list-actions"
        ))
    })?;
    Ok(known.answer())
}
