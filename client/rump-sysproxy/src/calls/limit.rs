//! getrlimit(2), setrlimit(2).

use super::call::{Answer, Call, answer};
use rump_abi::netbsd::limit::Rlimit;
use rump_abi::{Errno, Resource};
use rump_kpi::KResult;

/// Errors: EINVAL.
fn resource(call: &Call<'_>) -> KResult<Resource> {
    let index = call.uint(0)? as usize;
    Resource::ALL.get(index).copied().ok_or_else(|| Errno::EINVAL.into())
}

pub(super) fn getrlimit(call: &mut Call<'_>) -> Answer {
    let limit = call.process.getrlimit(resource(call)?);
    answer(call.put(1, &Rlimit::from(limit)))
}

pub(super) fn setrlimit(call: &mut Call<'_>) -> Answer {
    let (resource, limit) = (resource(call)?, call.read::<Rlimit>(1)?);
    answer(call.process.setrlimit(resource, limit.into()))
}
