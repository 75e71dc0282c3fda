use std::io::{self, Read as _, Write as _};
use std::ops::Range;

use fatfs::{FileSystem, FsOptions};
use hearth_model::setup_code::SetupCode;

use super::device::Device;
use super::error::{Error, Result};

/// The file on the boot partition that the first start takes over and removes; `/usr/lib/hearth/preseed` of the image
/// reads it.
pub const FILE_NAME: &str = "hearth.conf";

/// What a device starts with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Its name in the network.
    pub hostname: Option<String>,
    /// Its time zone, for example `Europe/Berlin`.
    pub time_zone: Option<String>,
    /// Public keys that may sign in by SSH, each a line as in `authorized_keys`.
    pub ssh_keys: Vec<String>,
    /// Its Wi-Fi.
    pub wifi: Option<Wifi>,
    /// Its first account.
    pub owner: Option<Owner>,
    /// What the first page of its dashboard asks for when it has no account.
    pub setup_code: Option<SetupCode>,
}

/// A Wi-Fi network with WPA.
#[derive(Clone, PartialEq, Eq)]
pub struct Wifi {
    /// Its name.
    pub ssid: String,
    /// Its password.
    pub password: String,
}

/// The first account.
#[derive(Clone, PartialEq, Eq)]
pub struct Owner {
    /// The name to sign in with.
    pub username: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Wifi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wifi").field("ssid", &self.ssid).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Owner").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A setting that the device would leave out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected the {what} to be {expected}")]
pub struct InvalidSetting {
    what: &'static str,
    expected: &'static str,
}

impl Settings {
    /// Tells whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the file that the device reads.
    ///
    /// # Errors
    /// When the device would leave a setting out. What was typed is not repeated: it may be a password.
    pub fn text(&self) -> std::result::Result<String, InvalidSetting> {
        let Self { hostname, time_zone, ssh_keys, wifi, owner, setup_code } = self;
        let mut lines = Lines(String::new());
        if let Some(name) = hostname {
            let expected = "1 to 63 of a-z, 0-9 and -, neither beginning nor ending with -";
            lines.add("HOSTNAME", name, is_hostname(name), "host name", expected)?;
        }
        if let Some(zone) = time_zone {
            let is_zone = zone.split('/').all(is_zone_part);
            lines.add("TIMEZONE", zone, is_zone, "time zone", "a name such as Europe/Berlin")?;
        }
        for key in ssh_keys {
            let key = key.trim();
            let is_key = key.split_whitespace().nth(1).is_some_and(|text| text.starts_with("AAAA"));
            lines.add(
                "SSH_KEY",
                key,
                is_key,
                "SSH key",
                "a public key, such as ~/.ssh/id_ed25519.pub has",
            )?;
        }
        if let Some(Wifi { ssid, password }) = wifi {
            let is_ssid = (1..=32).contains(&ssid.len());
            lines.add("WIFI_SSID", ssid, is_ssid, "name of the Wi-Fi", "1 to 32 bytes long")?;
            let is_password = (8..=63).contains(&password.len());
            lines.add(
                "WIFI_PASSWORD",
                password,
                is_password,
                "password of the Wi-Fi",
                "8 to 63 bytes long",
            )?;
        }
        if let Some(Owner { username, password }) = owner {
            let is_name = !username.trim().is_empty();
            lines.add("OWNER", username, is_name, "owner's name", "one line that is not empty")?;
            let is_password = password.chars().count() >= 10;
            lines.add(
                "OWNER_PASSWORD",
                password,
                is_password,
                "owner's password",
                "10 characters or longer",
            )?;
        }
        if let Some(code) = setup_code {
            lines.add("SETUP_CODE", &code.to_string(), true, "set-up code", "a set-up code")?;
        }
        Ok(lines.0)
    }

    /// Writes the file to a disk that an image is on, in the image's [boot partition](super::Image::boot_partition), and
    /// reads it back.
    ///
    /// # Errors
    /// When a setting is not valid, and when the disk fails.
    pub fn put(&self, device: &Device, esp: &Range<u64>) -> Result<()> {
        let text = self.text()?;
        let failed = |doing| {
            let (path, at_bytes) = (device.path().to_owned(), esp.start);
            move |source| Error::Device { path, doing, at_bytes, source }
        };
        store(device, esp, &text).map_err(failed("write the settings"))?;
        device.sync(esp.start)?;
        device.forget();
        let found = load(device, esp).map_err(failed("read the settings back"))?;
        if found == text {
            Ok(())
        } else {
            Err(Error::Different { path: device.path().to_owned(), at_bytes: esp.start })
        }
    }
}

fn store(device: &Device, esp: &Range<u64>, text: &str) -> io::Result<()> {
    let boot = FileSystem::new(device.part(esp.clone()), FsOptions::new())?;
    {
        let mut file = boot.root_dir().create_file(FILE_NAME)?;
        file.truncate()?;
        file.write_all(text.as_bytes())?;
        file.flush()?;
    }
    boot.unmount()
}

fn load(device: &Device, esp: &Range<u64>) -> io::Result<String> {
    let boot = FileSystem::new(device.part(esp.clone()), FsOptions::new())?;
    let mut text = String::new();
    boot.root_dir().open_file(FILE_NAME)?.read_to_string(&mut text)?;
    Ok(text)
}

struct Lines(String);

impl Lines {
    fn add(
        &mut self,
        name: &str,
        value: &str,
        is_valid: bool,
        what: &'static str,
        expected: &'static str,
    ) -> std::result::Result<(), InvalidSetting> {
        if value.contains(['\n', '\r', '\0']) {
            return Err(InvalidSetting { what, expected: "one line" });
        }
        if !is_valid {
            return Err(InvalidSetting { what, expected });
        }
        self.0.push_str(&format!("{name}={value}\n"));
        Ok(())
    }
}

fn is_hostname(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.bytes().all(|byte| is_plain(byte) || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn is_zone_part(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_lines_that_the_device_reads() {
        let settings = Settings {
            hostname: Some("attic".to_owned()),
            time_zone: Some("America/Argentina/Buenos_Aires".to_owned()),
            ssh_keys: vec!["ssh-ed25519 AAAAC3Nz me\n".to_owned()],
            wifi: Some(Wifi { ssid: "Home ".to_owned(), password: "correct=horse".to_owned() }),
            owner: Some(Owner { username: "ada".to_owned(), password: "battery staple".to_owned() }),
            setup_code: "acde4679".parse().ok(),
        };
        let text = "HOSTNAME=attic\nTIMEZONE=America/Argentina/Buenos_Aires\nSSH_KEY=ssh-ed25519 AAAAC3Nz me\n\
                    WIFI_SSID=Home \nWIFI_PASSWORD=correct=horse\nOWNER=ada\nOWNER_PASSWORD=battery staple\nSETUP_CODE=ACDE-4679\n";
        assert_eq!(settings.text().as_deref(), Ok(text));
        assert!(!format!("{settings:?}").contains("horse"), "passwords are in no log");
        assert_eq!(Settings::default().text().as_deref(), Ok(""));
    }

    #[test]
    fn what_the_device_would_leave_out_is_refused_without_repeating_it() {
        let hostname =
            |name: &str| Settings { hostname: Some(name.to_owned()), ..Settings::default() }.text();
        for name in ["", "Attic", "-a", "a-", "a.b", &"a".repeat(64)] {
            assert!(hostname(name).is_err(), "{name}");
        }
        let wifi = Wifi { ssid: "Home".to_owned(), password: "short".to_owned() };
        let refused = Settings { wifi: Some(wifi), ..Settings::default() }.text().unwrap_err();
        assert_eq!(refused.to_string(), "expected the password of the Wi-Fi to be 8 to 63 bytes long");
        let zone = Settings { time_zone: Some("../etc/passwd".to_owned()), ..Settings::default() };
        assert!(zone.text().is_err());
        let keys = vec!["ssh-rsa AAAA me\nOWNER=eve".to_owned()];
        assert!(Settings { ssh_keys: keys, ..Settings::default() }.text().is_err(), "one line");
    }
}
