//! Making a list of faults smaller while the run still fails.
//!
//! Must stay true: what is left has failed itself, and the number of tries is bounded.

/// What is left, and how many runs it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smaller {
    pub left: Vec<usize>,
    pub tries: usize,
}

/// Drops parts of the list `0..count`, halves first and single ones last, as long as `fails` says that the rest still
/// fails; at most `tries_max` times.
///
/// # Errors
/// Those of `fails`.
pub fn minimise<E>(
    count: usize,
    tries_max: usize,
    mut fails: impl FnMut(&[usize]) -> Result<bool, E>,
) -> Result<Smaller, E> {
    let mut left: Vec<usize> = (0..count).collect();
    let mut tries = 0;
    let mut size = count.div_ceil(2).max(1);
    loop {
        let mut dropped = false;
        let mut at = 0;
        while at < left.len() && tries < tries_max {
            let end = (at + size).min(left.len());
            let rest: Vec<usize> = [&left[..at], &left[end..]].concat();
            tries += 1;
            if fails(&rest)? {
                left = rest;
                dropped = true;
            } else {
                at = end;
            }
        }
        if tries >= tries_max || (size == 1 && !dropped) {
            return Ok(Smaller { left, tries });
        }
        if !dropped || size > left.len() {
            size = size.div_ceil(2).min(left.len().max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Smaller, minimise};

    fn run(count: usize, tries_max: usize, needed: &[usize]) -> Smaller {
        let fails = |rest: &[usize]| -> Result<bool, ()> {
            Ok(needed.iter().all(|each| rest.contains(each)))
        };
        minimise(count, tries_max, fails).expect("no errors")
    }

    #[test]
    fn what_is_needed_is_left_and_nothing_else() {
        for needed in [&[][..], &[3], &[0, 19], &[4, 5, 6], &[1, 7, 13, 18]] {
            let smaller = run(20, 1000, needed);
            assert_eq!(smaller.left, needed);
            assert!(smaller.tries < 100, "{}", smaller.tries);
        }
        assert_eq!(run(0, 10, &[]).left, [] as [usize; 0]);
    }

    #[test]
    fn it_ends_with_its_tries_and_what_is_left_still_fails() {
        let smaller = run(64, 5, &[3, 60]);
        assert_eq!(smaller.tries, 5);
        assert!(smaller.left.contains(&3) && smaller.left.contains(&60));
    }
}
