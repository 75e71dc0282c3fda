use std::net::IpAddr;

/// One port of an entry in short syntax.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ShortPort {
    pub(crate) host_ip: String,
    /// A port, a range `8000-8010`, or empty for any.
    pub(crate) published: String,
    pub(crate) target: u16,
    pub(crate) protocol: String,
}

/// Most ports that one range may stand for; each becomes a rule of the firewall and a process of the engine.
pub(crate) const MAX_RANGE: usize = 1000;

/// Reads `[[address:][host]:]container[/protocol]`; ranges become one entry for each container port
/// ([Compose ports, short syntax](https://github.com/compose-spec/compose-spec/blob/main/05-services.md#short-syntax-4)).
///
/// # Errors
/// Says what was expected.
pub(crate) fn parse(text: &str) -> Result<Vec<ShortPort>, String> {
    let (rest, container) = text.rsplit_once(':').unwrap_or(("", text));
    let (ip, host) = match rest.rsplit_once(':') {
        Some((ip, host)) => (ip, host),
        None => ("", rest),
    };
    let (container, protocol) = container.split_once('/').unwrap_or((container, ""));
    let protocol = if protocol.is_empty() { "tcp".to_owned() } else { protocol.to_lowercase() };
    if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        return Err(format!("`{protocol}` is not a protocol; use tcp, udp or sctp"));
    }
    let host_ip = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
    if !host_ip.is_empty() && host_ip.parse::<IpAddr>().is_err() {
        return Err(format!("`{ip}` is not an address; write `127.0.0.1:8080:80`"));
    }
    let targets = range(container)?;
    if targets.0 == 0 {
        return Err("the container's port is 0; ports are 1 to 65535".to_owned());
    }
    let hosts = if host.is_empty() { None } else { Some(range(host)?) };
    let count = usize::from(targets.1 - targets.0) + 1;
    if count > MAX_RANGE {
        return Err(format!("the range has {count} ports; at most {MAX_RANGE} are taken"));
    }
    if let Some(hosts) = hosts
        && usize::from(hosts.1 - hosts.0) + 1 != count
        && count != 1
    {
        return Err("the two ranges have different lengths".to_owned());
    }
    let mut ports: Vec<ShortPort> = (0..=targets.1 - targets.0)
        .map(|n| ShortPort {
            host_ip: host_ip.to_owned(),
            published: match hosts {
                None => String::new(),
                Some((first, last)) if count == 1 && first != last => format!("{first}-{last}"),
                Some((first, _)) => (first + n).to_string(),
            },
            target: targets.0 + n,
            protocol: protocol.clone(),
        })
        .collect();
    // Docker Compose sorts them as texts.
    ports.sort_by_key(|port| port.target.to_string());
    Ok(ports)
}

/// Reads `8000` or `8000-8010`.
pub(crate) fn range(text: &str) -> Result<(u16, u16), String> {
    let port = |text: &str| {
        text.parse::<u16>().map_err(|_| match text {
            "" => "expected a port, found nothing".to_owned(),
            text => format!("`{text}` is not a port; ports are 1 to 65535"),
        })
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    if first > last { Err(format!("the range `{text}` ends before it begins")) } else { Ok((first, last)) }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn check(text: &str, expected: &[(&str, &str, u16, &str)]) {
        let ports = parse(text).expect(text);
        let found: Vec<_> = ports
            .iter()
            .map(|p| (p.host_ip.as_str(), p.published.as_str(), p.target, p.protocol.as_str()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_short_form_is_read() {
        check("80", &[("", "", 80, "tcp")]);
        check("8080:80", &[("", "8080", 80, "tcp")]);
        check("53:53/UDP", &[("", "53", 53, "udp")]);
        check("127.0.0.1:8080:80", &[("127.0.0.1", "8080", 80, "tcp")]);
        check("127.0.0.1::80", &[("127.0.0.1", "", 80, "tcp")]);
        check("[::1]:8080:80", &[("::1", "8080", 80, "tcp")]);
        check("9000-9001:80-81", &[("", "9000", 80, "tcp"), ("", "9001", 81, "tcp")]);
        check("9000-9009:80", &[("", "9000-9009", 80, "tcp")]);
        check("80-81", &[("", "", 80, "tcp"), ("", "", 81, "tcp")]);
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for bad in [
            "",
            "x",
            "80:",
            "70000",
            "80/xyz",
            "1.2.3:80:80",
            "5-4",
            "1-3:1-2",
            "1-65535",
            "a:80",
            "80:80:80",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
