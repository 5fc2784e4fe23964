//! How often devices fail, as a parameter of the kernel says (`RUMP_BLKFAIL`, `RUMP_BLKFAIL_SEED`).

use alloc::format;
use alloc::string::String;
use rump_hyper::Hypervisor;
use rump_kpi::{Errno, KError, KResult};
use rump_random::Random;

/// Of how many operations the rate says how many fail.
const OF: u64 = 10_000;

/// How often operations fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureRate {
    /// Of ten thousand.
    of_ten_thousand: u64,
    /// The same seed lets the same operations of a device fail.
    seed: u64,
}

impl FailureRate {
    /// As the host's parameters say, if they want failures. Without a seed, one is chosen, and told on the console. Errors:
    /// EINVAL (no number, or more than ten thousand).
    pub fn of_host(host: &dyn Hypervisor) -> KResult<Option<Self>> {
        let number = |name: &str| {
            let parse = |text: String| {
                let wrong = || KError::new(Errno::EINVAL, format!("{name}={text} is no value of it"));
                text.trim().parse::<u64>().map_err(|_| wrong())
            };
            host.find(name).map(parse).transpose()
        };
        let Some(of_ten_thousand) = number("RUMP_BLKFAIL")?.filter(|&rate| rate > 0) else { return Ok(None) };
        if of_ten_thousand > OF {
            return Err(KError::new(Errno::EINVAL, format!("RUMP_BLKFAIL={of_ten_thousand}: of {OF}")));
        }
        let seed = match number("RUMP_BLKFAIL_SEED")? {
            Some(seed) => seed,
            None => host.monotonic().as_nanos() as u64 ^ host.realtime().nsec as u64,
        };
        host.write_line(&format!(
            "{of_ten_thousand} of {OF} block operations fail, by RUMP_BLKFAIL_SEED={seed}"
        ));
        Ok(Some(Self { of_ten_thousand, seed }))
    }

    /// Whether the operation of a device with this number, from 0, fails.
    pub(crate) fn fails(self, number: u64) -> bool {
        let seed = self.seed ^ number.wrapping_mul(0xd134_2543_de82_ef95);
        Random::new(seed).number() % OF < self.of_ten_thousand
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Faulty, MemDevice};
    use alloc::vec::Vec;
    use rump_kpi::BlockDevice;

    fn failures(rate: u64, seed: u64) -> Vec<usize> {
        let rate = FailureRate { of_ten_thousand: rate, seed };
        let device = Faulty::at_rate(MemDevice::new(alloc::vec![0; 8]), rate);
        (0..20_000).filter(|_| device.read_at(0, &mut [0; 8]).is_err()).collect()
    }

    #[test]
    fn as_many_fail_as_were_asked_for_and_the_seed_says_which() {
        assert_eq!(failures(0, 1), []);
        assert_eq!(failures(10_000, 1).len(), 20_000);
        let some = failures(500, 7);
        assert!((800..1200).contains(&some.len()), "{}", some.len());
        assert_eq!(some, failures(500, 7));
        assert_ne!(some, failures(500, 8));
    }
}
