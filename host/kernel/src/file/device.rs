//! Character devices without a terminal behind them: null, zero, full, random.

use bytes::{Bytes, BytesMut};
use coracle_vfs::{Errno, device_number};

/// The most bytes one read of a device answers.
const DEVICE_READ: usize = 65_536;

static ZEROS: [u8; DEVICE_READ] = [0; DEVICE_READ];

/// A device that never blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Device {
    Null,
    Zero,
    Full,
    Random,
}

/// What a device number stands for (Linux `Documentation/admin-guide/devices.txt`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DeviceKind {
    Plain(Device),
    /// /dev/tty
    ControllingTerminal,
    /// /dev/console
    Console,
    /// /dev/ptmx
    Multiplexer,
    /// /dev/pts/N
    Terminal(u32),
}

impl DeviceKind {
    /// `ENXIO` for a number without a driver.
    pub(crate) fn of(number: u64) -> Result<DeviceKind, Errno> {
        let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
        Ok(match (major, minor) {
            (1, 3) => DeviceKind::Plain(Device::Null),
            (1, 5) => DeviceKind::Plain(Device::Zero),
            (1, 7) => DeviceKind::Plain(Device::Full),
            (1, 8 | 9) => DeviceKind::Plain(Device::Random),
            (5, 0) => DeviceKind::ControllingTerminal,
            (5, 1) => DeviceKind::Console,
            (5, 2) => DeviceKind::Multiplexer,
            (136, number) => DeviceKind::Terminal(number),
            _ => return Err(Errno::NXIO),
        })
    }
}

/// The device number of `/dev/pts/N`.
pub(crate) fn terminal_device(number: u32) -> u64 {
    device_number(136, number)
}

impl Device {
    pub(crate) fn read(self, max: usize) -> Result<Bytes, Errno> {
        let max = max.min(DEVICE_READ);
        match self {
            Device::Null => Ok(Bytes::new()),
            Device::Zero | Device::Full => Ok(Bytes::from_static(ZEROS.get(..max).unwrap_or_default())),
            Device::Random => {
                let mut random = BytesMut::zeroed(max);
                let mut filled = 0;
                while let Some(rest) = random.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                    match rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty()) {
                        Ok(count) => filled += count,
                        Err(Errno::INTR) => {}
                        Err(errno) => return Err(errno),
                    }
                }
                Ok(random.freeze())
            }
        }
    }

    pub(crate) fn write(self, length: usize) -> Result<usize, Errno> {
        match self {
            Device::Full if length > 0 => Err(Errno::NOSPC),
            _ => Ok(length),
        }
    }

    pub(crate) fn number(self) -> u64 {
        device_number(
            1,
            match self {
                Device::Null => 3,
                Device::Zero => 5,
                Device::Full => 7,
                Device::Random => 9,
            },
        )
    }
}
