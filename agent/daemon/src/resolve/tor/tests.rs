use super::*;

fn id(app: &str) -> AppId {
    app.parse().expect("an id")
}

#[test]
fn an_onion_service_leads_where_the_boxs_own_address_leads() {
    let services = BTreeMap::from([
        (id("blog"), OnionService { port: 8080, scheme: Scheme::Http, sign_in: false }),
        (id("node"), OnionService { port: 8443, scheme: Scheme::Https, sign_in: false }),
        (id("wiki"), OnionService { port: 8401, scheme: Scheme::Http, sign_in: true }),
    ]);
    let text = torrc(&services, &Seeds::default(), Some(80));
    let (proxy, onions) = text.split_once("HiddenServiceDir").expect("onion services");
    for line in ["SocksPort 10.21.21.11:9050\n", "SocksPolicy accept 10.21.0.0/16\nSocksPolicy reject *\n"] {
        assert!(proxy.contains(line), "{proxy}");
    }
    assert_eq!(
        onions,
        " /onions/blog\nHiddenServicePort 80 10.21.0.1:8080\nHiddenServicePort 8080 10.21.0.1:8080\n\
         HiddenServiceDir /onions/node\nHiddenServicePort 443 10.21.0.1:8443\nHiddenServicePort 8443 10.21.0.1:8443\n\
         HiddenServiceDir /onions/wiki\nHiddenServicePort 80 10.21.0.1:8401\nHiddenServicePort 8401 10.21.0.1:8401\n\
         HiddenServicePort 2000 10.21.0.1:80\n"
    );
}

#[test]
fn a_password_is_kept_as_tor_keeps_it() {
    let seeds = Seeds::default();
    let kept = hashed(&seeds.tor_control_password(), &seeds.tor_control_salt());
    assert_eq!(kept.len(), 3 + 16 + 2 + 40, "{kept}");
    assert!(kept.starts_with("16:") && &kept[19..21] == "60", "{kept}");
}
