//! Tags of a stream, with AWS's two checks of their characters; and what tags of any resource share.
//!
//! The first check knows a set of characters that its message lists; the second refuses `%`, which
//! the first lets pass. Which characters are letters, digits or white space is a fixed table here:
//! the tables of the standard library follow the Unicode version it was built with, and replicas
//! built with different ones would disagree about a command.

use super::apply::{DONE, Effect, Handled};
use super::{Metadata, streams};
use ana_types::{KinesisError, SettingError, StreamName, StreamStatus, limits};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Blocks of letters, digits and spaces beyond ASCII, coarse: what the production service was seen
/// to accept up to U+D7FF, and the blocks of letters above it.
const WORD_BLOCKS: [RangeInclusive<char>; 21] = [
    '\u{00A0}'..='\u{00A0}', // no-break space
    '\u{00AA}'..='\u{00AA}',
    '\u{00B5}'..='\u{00B5}',
    '\u{00BA}'..='\u{00BA}',
    '\u{00C0}'..='\u{1FFF}',
    '\u{2000}'..='\u{200A}', // spaces of various widths
    '\u{2028}'..='\u{2029}', // line and paragraph separators
    '\u{202F}'..='\u{202F}', // narrow no-break space
    '\u{205F}'..='\u{205F}', // mathematical space
    '\u{2C00}'..='\u{D7FF}',
    '\u{F900}'..='\u{FDCF}', // compatibility ideographs, presentation forms
    '\u{FDF0}'..='\u{FDFF}',
    '\u{FE70}'..='\u{FEFC}',
    '\u{FF10}'..='\u{FF19}', // full-width digits
    '\u{FF21}'..='\u{FF3A}', // full-width letters
    '\u{FF41}'..='\u{FF5A}',
    '\u{FF66}'..='\u{FFDC}',   // half-width kana and hangul
    '\u{10000}'..='\u{1CFFF}', // scripts of the supplementary plane
    '\u{1D400}'..='\u{1D7FF}', // mathematical letters
    '\u{1E000}'..='\u{1EFFF}',
    '\u{20000}'..='\u{3FFFD}', // further ideographs
];

/// Keys that begin so are AWS's own.
const RESERVED_PREFIX: &str = "aws:";

pub(super) fn add(
    machine: &mut Metadata,
    name: &StreamName,
    tags: BTreeMap<String, String>,
) -> Handled {
    check_tag_characters(texts(&tags), name, false)?;
    add_checked(machine, name, tags)
}

/// TagResource on a stream.
pub(super) fn add_to_resource(
    machine: &mut Metadata,
    name: &StreamName,
    tags: BTreeMap<String, String>,
) -> Handled {
    check_resource_tags(&tags)?;
    add_checked(machine, name, tags)
}

fn add_checked(
    machine: &mut Metadata,
    name: &StreamName,
    tags: BTreeMap<String, String>,
) -> Handled {
    let stream = streams::find_mut(machine, name)?;
    check_changeable(name, stream.status)?;
    if count_with(&stream.tags, &tags) > limits::TAGS_PER_RESOURCE_MAX {
        return Err(KinesisError::TagLimit {
            stream: name.clone(),
        });
    }
    add_to(&mut stream.tags, tags)
}

/// How many tags there will be.
pub(super) fn count_with(
    there: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> usize {
    there.len() + new.keys().filter(|key| !there.contains_key(*key)).count()
}

pub(super) fn add_to(
    there: &mut BTreeMap<String, String>,
    new: BTreeMap<String, String>,
) -> Handled {
    if new.iter().all(|(key, value)| there.get(key) == Some(value)) {
        return Ok(Effect::Unchanged);
    }
    there.extend(new);
    DONE
}

pub(super) fn remove_from(
    there: &mut BTreeMap<String, String>,
    keys: &BTreeSet<String>,
) -> Handled {
    let before = there.len();
    there.retain(|key, _| !keys.contains(key));
    if there.len() == before {
        Ok(Effect::Unchanged)
    } else {
        DONE
    }
}

pub(super) fn remove(
    machine: &mut Metadata,
    name: &StreamName,
    keys: &BTreeSet<String>,
) -> Handled {
    check_tag_characters(keys.iter().map(String::as_str), name, true)?;
    remove_checked(machine, name, keys)
}

/// UntagResource on a stream.
pub(super) fn remove_from_resource(
    machine: &mut Metadata,
    name: &StreamName,
    keys: &BTreeSet<String>,
) -> Handled {
    check_resource_tag_keys(keys)?;
    remove_checked(machine, name, keys)
}

fn remove_checked(machine: &mut Metadata, name: &StreamName, keys: &BTreeSet<String>) -> Handled {
    let stream = streams::find_mut(machine, name)?;
    check_changeable(name, stream.status)?;
    remove_from(&mut stream.tags, keys)
}

/// Tags are in effect from the start, but may be changed only once the stream has been created, and
/// not while it is being deleted.
fn check_changeable(name: &StreamName, status: StreamStatus) -> Result<(), KinesisError> {
    match status {
        StreamStatus::Active | StreamStatus::Updating => Ok(()),
        StreamStatus::Creating | StreamStatus::Deleting => Err(KinesisError::StreamNotActive {
            stream: name.clone(),
            status,
        }),
    }
}

/// Keys and values of `tags`.
pub(super) fn texts(tags: &BTreeMap<String, String>) -> impl Iterator<Item = &str> + Clone {
    tags.iter()
        .flat_map(|(key, value)| [key.as_str(), value.as_str()])
}

/// AWS's two checks of the characters of tags; they come before it looks for the stream.
///
/// # Errors
/// [`KinesisError::TagsInvalidCharacters`], then [`KinesisError::TagsIllegalCharacters`].
pub fn check_tag_characters<'a>(
    texts: impl Iterator<Item = &'a str> + Clone,
    stream: &StreamName,
    removing: bool,
) -> Result<(), KinesisError> {
    if texts
        .clone()
        .flat_map(str::chars)
        .any(|c| !is_tag_character(c))
    {
        return Err(KinesisError::TagsInvalidCharacters);
    }
    if texts.flat_map(str::chars).any(|c| c == '%') {
        return Err(KinesisError::TagsIllegalCharacters {
            stream: stream.clone(),
            removing,
        });
    }
    Ok(())
}

/// The check of TagResource and of tags of consumers: a colon is a tag character there, a per cent
/// sign is none, and the keys that begin with [`RESERVED_PREFIX`] are not for users.
pub(super) fn check_resource_tags(tags: &BTreeMap<String, String>) -> Result<(), SettingError> {
    check_resource_characters(texts(tags))?;
    let reserved = tags.keys().find(|key| key.starts_with(RESERVED_PREFIX));
    reserved.map_or(Ok(()), |key| {
        Err(SettingError::TagReserved { key: key.clone() })
    })
}

/// The check of UntagResource.
pub(super) fn check_resource_tag_keys(keys: &BTreeSet<String>) -> Result<(), SettingError> {
    check_resource_characters(keys.iter().map(String::as_str))
}

fn check_resource_characters<'a>(
    mut texts: impl Iterator<Item = &'a str>,
) -> Result<(), SettingError> {
    let allowed = |c: char| c == ':' || (c != '%' && is_tag_character(c));
    if texts.all(|text| text.chars().all(allowed)) {
        Ok(())
    } else {
        Err(SettingError::TagsInvalidCharacters)
    }
}

fn is_tag_character(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        ' ' | '_' | '.' | '/' | '=' | '+' | '-' | '%' | '@' => true,
        _ => WORD_BLOCKS.iter().any(|block| block.contains(&c)),
    }
}
