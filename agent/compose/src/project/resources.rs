use super::Mapping;
use crate::source::At;

omit_empty! {
    /// A network ([Compose networks](https://github.com/compose-spec/compose-spec/blob/main/06-networks.md)).
    pub struct Network {
        name: String,
        driver: String,
        driver_opts: Mapping,
        external: bool,
        internal: bool,
        attachable: bool,
        labels: Mapping,
        enable_ipv4: Option<bool>,
        enable_ipv6: Option<bool>,
    } always {
        ipam: Ipam,
    } hidden {
        at: At,
    }
}

omit_empty! {
    /// Address management of a network.
    pub struct Ipam {
        driver: String,
        config: Vec<IpamPool>,
    }
}

omit_empty! {
    /// One range of addresses.
    pub struct IpamPool {
        subnet: String,
        gateway: String,
        ip_range: String,
        aux_addresses: Mapping,
    }
}

omit_empty! {
    /// A volume ([Compose volumes](https://github.com/compose-spec/compose-spec/blob/main/07-volumes.md)).
    pub struct Volume {
        name: String,
        driver: String,
        driver_opts: Mapping,
        external: bool,
        labels: Mapping,
    } hidden {
        at: At,
    }
}

omit_empty! {
    /// A config or a secret
    /// ([Compose configs](https://github.com/compose-spec/compose-spec/blob/main/08-configs.md),
    /// [secrets](https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md)).
    pub struct FileObject {
        name: String,
        file: String,
        environment: String,
        content: String,
        external: bool,
        labels: Mapping,
        driver: String,
        driver_opts: Mapping,
        template_driver: String,
    } hidden {
        at: At,
        file_at: At,
        value: Option<String>,
    }
}
