//! extattr_get_file(2) and its like.

use super::call::{Answer, Call, answer};
use super::xattr::value_at;
use rump_abi::Errno;
use rump_kern::{ExtattrNamespace, ExtattrOf};
use rump_kpi::KResult;

/// Bytes of a name, with the NUL that ends it.
const NAME_MAX: usize = 256;

/// How the first argument says whose attributes are meant.
#[derive(Clone, Copy)]
enum By {
    Path,
    Link,
    Descriptor,
}

/// Does something for whom the first argument says. Errors: EFAULT, ENAMETOOLONG, those of `act`.
fn with<T>(
    call: &mut Call<'_>,
    by: By,
    act: impl FnOnce(&mut Call<'_>, ExtattrOf<'_>) -> KResult<T>,
) -> KResult<T> {
    let path = match by {
        By::Descriptor => {
            let fd = call.fd(0)?;
            return act(call, ExtattrOf::Open(fd));
        }
        By::Path | By::Link => call.path(0)?,
    };
    let of = if let By::Link = by { ExtattrOf::Link(&path) } else { ExtattrOf::File(&path) };
    act(call, of)
}

/// Errors: EINVAL (no such namespace).
fn space(call: &Call<'_>) -> KResult<ExtattrNamespace> {
    let all = [ExtattrNamespace::User, ExtattrNamespace::System];
    let number = call.uint(1)?;
    all.into_iter().find(|space| *space as u32 == number).ok_or_else(|| Errno::EINVAL.into())
}

/// As much as there is room for, as the arguments from `at` on tell; where they point nowhere, it answers how long it is.
fn give(call: &mut Call<'_>, at: usize, bytes: &[u8]) -> Answer {
    let (address, room) = (call.slot(at)?, call.slot(at + 1)?);
    if address == 0 {
        return answer(Ok(bytes.len()));
    }
    let count = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
    call.put_bytes(address, &bytes[..count])?;
    answer(Ok(count))
}

fn get(call: &mut Call<'_>, by: By) -> Answer {
    let (space, name) = (space(call)?, call.name(2, NAME_MAX)?);
    let value = with(call, by, |call, of| call.process.extattr_get(of, space, name))?;
    give(call, 3, &value)
}

fn set(call: &mut Call<'_>, by: By) -> Answer {
    let (space, name, value) = (space(call)?, call.name(2, NAME_MAX)?, value_at(call, 3)?);
    answer(with(call, by, |call, of| call.process.extattr_set(of, space, name, value)))
}

fn delete(call: &mut Call<'_>, by: By) -> Answer {
    let (space, name) = (space(call)?, call.name(2, NAME_MAX)?);
    answer(with(call, by, |call, of| call.process.extattr_delete(of, space, name)))
}

/// Each name is behind a byte that is its length.
fn list(call: &mut Call<'_>, by: By) -> Answer {
    let space = space(call)?;
    let names = with(call, by, |call, of| call.process.extattr_list(of, space))?;
    // No name is longer than 255 bytes.
    let of_name = |name: Vec<u8>| [name.len() as u8].into_iter().chain(name);
    let list: Vec<u8> = names.into_iter().flat_map(of_name).collect();
    give(call, 2, &list)
}

macro_rules! calls {
    ($($name:ident $what:ident $by:ident,)*) => {$(
        pub(super) fn $name(call: &mut Call<'_>) -> Answer {
            $what(call, By::$by)
        }
    )*};
}

calls! {
    get_file get Path,
    get_link get Link,
    get_fd get Descriptor,
    set_file set Path,
    set_link set Link,
    set_fd set Descriptor,
    delete_file delete Path,
    delete_link delete Link,
    delete_fd delete Descriptor,
    list_file list Path,
    list_link list Link,
    list_fd list Descriptor,
}
