//! The only chance in a drill: a generator (splitmix64) that its seed determines.
//!
//! Must stay true: the same seed gives the same numbers in every release, because a recorded seed is the way
//! to repeat a run. Each step draws from a generator of its own, so that a changed step does not change the
//! picks of the others.

/// The odd constant nearest to 2^64 divided by the golden ratio: consecutive states lie far apart.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// A seeded generator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Chance {
        Chance { state: seed }
    }

    /// The generator of one step of a drill, `step` counted from zero.
    pub fn of_step(seed: u64, step: usize) -> Chance {
        let step = u64::try_from(step).unwrap_or(u64::MAX);
        let mut outer = Chance::new(seed);
        let seed = outer.draw();
        Chance::new(seed ^ step.wrapping_add(1).wrapping_mul(STRIDE))
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STRIDE);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; zero when `bound` is zero.
    pub fn below(&mut self, bound: usize) -> usize {
        let Some(bound) = u64::try_from(bound).ok().filter(|bound| *bound > 0) else {
            return 0;
        };
        // The remainder favours low numbers by less than one in 2^50 for any cluster that exists.
        usize::try_from(self.draw() % bound).unwrap_or(0)
    }

    /// `count` of `all`, or all of them where there are fewer, each equally likely, in the order of `all`.
    pub fn some_of<T: Ord>(&mut self, all: impl IntoIterator<Item = T>, count: usize) -> Vec<T> {
        let mut left: Vec<T> = all.into_iter().collect();
        while left.len() > count {
            let at = self.below(left.len());
            left.remove(at);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn the_numbers_of_a_seed_are_those_of_splitmix64() {
        // The published first outputs for the seed 1234567.
        let mut chance = Chance::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| chance.draw()).collect();
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn steps_draw_apart_and_the_same_again() {
        let first = Chance::of_step(42, 0).draw();
        assert_eq!(first, Chance::of_step(42, 0).draw());
        assert_ne!(first, Chance::of_step(42, 1).draw());
        assert_ne!(first, Chance::of_step(43, 0).draw());
    }

    #[test]
    fn every_one_is_picked_in_time_and_never_too_many() {
        let mut seen = [0_u32; 5];
        for seed in 0..500 {
            let some = Chance::new(seed).some_of(0..5_usize, 2);
            assert_eq!(some.len(), 2);
            assert!(some.is_sorted());
            for each in some {
                seen[each] += 1;
            }
        }
        assert!(
            seen.iter().all(|count| (150..250).contains(count)),
            "{seen:?}"
        );
        assert_eq!(Chance::new(1).some_of([7, 8], 9), [7, 8]);
        assert_eq!(Chance::new(1).below(0), 0);
    }
}
