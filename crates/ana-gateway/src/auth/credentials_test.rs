//! Files of credentials, what is never printed of them, and the keys that are derived from them.

use std::sync::Arc;

use super::fixture::{
    KEY, Lie, NOW_MS, REGION, SECRET, Sample, TEMPORARY_KEY, TEMPORARY_SECRET, TOKEN, claimed,
    credentials, verifier,
};
use super::keys::{KeyCache, derive};
use super::{Authentication, Credentials, CredentialsError};

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn files_of_credentials() {
    let entry = |text: &str| format!("[[credential]]\n{text}");
    let good = format!("access_key = 'AK'\nsecret_key = '{SECRET}'");
    let table: Vec<(String, CredentialsError)> = vec![
        (String::new(), CredentialsError::Empty),
        ("credential = []".to_owned(), CredentialsError::Empty),
        ("not toml".to_owned(), CredentialsError::Form { line: 1 }),
        (
            entry("access_key = 'AK'"),
            CredentialsError::Form { line: 1 },
        ),
        (
            entry(&format!("{good}\nsecret = 'x'")),
            CredentialsError::Form { line: 4 },
        ),
        (
            entry("access_key = 'AK'\nsecret_key = 12345678901234567"),
            CredentialsError::Form { line: 3 },
        ),
        (
            entry(&good.replace("AK", "")),
            CredentialsError::AccessKey { entry: 1 },
        ),
        (
            entry(&good.replace("AK", "A/K")),
            CredentialsError::AccessKey { entry: 1 },
        ),
        (
            entry(&good.replace("AK", "A K")),
            CredentialsError::AccessKey { entry: 1 },
        ),
        (
            entry(&good.replace("AK", &"A".repeat(129))),
            CredentialsError::AccessKey { entry: 1 },
        ),
        (
            entry("access_key = 'AK'\nsecret_key = 'fifteen-letters'"),
            CredentialsError::Secret { entry: 1 },
        ),
        (
            entry("access_key = 'AK'\nsecret_key = 'sixteen letters!'"),
            CredentialsError::Secret { entry: 1 },
        ),
        (
            entry(&format!("{good}\nsession_token = ''")),
            CredentialsError::SessionToken { entry: 1 },
        ),
        (
            entry(&format!("{good}\nsession_token = 'a b'")),
            CredentialsError::SessionToken { entry: 1 },
        ),
        (
            entry(&format!("{good}\nexpires = '20270101T000000Z'")),
            CredentialsError::Expires { entry: 1 },
        ),
        (
            entry(&format!("{good}\nexpires = '2027-02-30T00:00:00Z'")),
            CredentialsError::Expires { entry: 1 },
        ),
        (
            format!("{}\n{}", entry(&good), entry(&good)),
            CredentialsError::Repeated { entry: 2 },
        ),
    ];
    for (text, error) in table {
        let refused = Credentials::from_toml(&text).expect_err(&text);
        assert_eq!(refused, error, "{text}");
        assert!(!refused.to_string().contains(SECRET));
        assert!(!refused.to_string().contains("12345678901234567"));
    }
    let many: String = (0..10_001)
        .map(|n| entry(&good.replace("AK", &format!("AK{n}"))) + "\n")
        .collect();
    assert_eq!(
        Credentials::from_toml(&many).expect_err("too many"),
        CredentialsError::TooMany
    );
    let held = credentials();
    assert_eq!(held.len(), 3);
    assert_eq!(&*held.first().access_key, KEY);
}

#[test]
fn secrets_are_never_printed() {
    let on = Authentication::On(verifier().into());
    Sample::signed_by_sdk().admit(&on).expect("signed");
    let secret_parts = [SECRET, TEMPORARY_SECRET, TOKEN];
    let texts = [
        format!("{on:?}"),
        format!("{:?}", credentials()),
        format!("{:#?}", credentials().first()),
    ];
    for text in texts {
        assert!(text.contains(KEY), "{text}");
        for secret in secret_parts {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let faults = [
        claimed(&Lie {
            key: TEMPORARY_KEY,
            secret: TEMPORARY_SECRET,
            ..Lie::default()
        })
        .verify(),
        claimed(&Lie {
            secret: "wrong",
            ..Lie::default()
        })
        .verify(),
    ];
    for fault in faults {
        let text = format!("{:?}", fault.expect_err("refused"));
        assert!(
            secret_parts.iter().all(|secret| !text.contains(secret)),
            "{text}"
        );
    }
}

#[test]
fn keys_are_derived_once_a_day_and_caller() {
    let verifier = verifier();
    let sample = Sample::signed_by_sdk();
    for _ in 0..3 {
        sample.verify_at(&verifier, NOW_MS).expect("signed");
    }
    assert_eq!(verifier.keys_held(), 1);
    // Unknown callers share one key, however many names they make up.
    for number in 0..100 {
        let key = format!("AKIDUNKNOWN{number}");
        let sample = claimed(&Lie {
            key: &key,
            ..Lie::default()
        });
        sample.verify_at(&verifier, NOW_MS).expect_err("unknown");
    }
    assert_eq!(verifier.keys_held(), 2);
    // What is out of date is refused before a key is made for it.
    let old = "20200101T000000Z";
    let mut sample = Sample::put();
    sample.add("x-amz-date", old);
    sample.claim(&Lie {
        timestamp: old,
        scope: "20200101/eu-central-1/kinesis/aws4_request",
        ..Lie::default()
    });
    sample.verify_at(&verifier, NOW_MS).expect_err("years ago");
    assert_eq!(verifier.keys_held(), 2);
}

#[test]
fn the_cache_of_keys_is_bounded() {
    let cache = KeyCache::default();
    let place = (REGION, "kinesis");
    for number in 0..16_500 {
        let access_key: Arc<str> = format!("AK{number}").into();
        let day = if number < 10_000 {
            "20261124"
        } else {
            "20261125"
        };
        let key = cache.get(&access_key, SECRET, day, place);
        assert_eq!(**key, *derive(SECRET, day, REGION, "kinesis"));
    }
    assert_eq!(cache.len(), 16_384);
}
