//! Through which proxy partners are reached.

use crate::secret::SecretRef;

/// How partners are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    /// Without a proxy, whatever the environment says.
    #[default]
    Direct,
    /// As `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` of the environment say.
    Environment,
    /// Through this one.
    Named(Proxy),
}

/// An HTTP proxy that connects (RFC 9110 §9.3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user and where the password is, where it wants them.
    pub sign_in: Option<(String, SecretRef)>,
    /// Hosts that are reached without it: names, names with all below them (`.example`), or `*`.
    pub no_proxy: Vec<String>,
}

impl ProxyChoice {
    /// Where the proxy's password is, where it wants one.
    pub fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Named(proxy) => proxy.sign_in.as_ref().map(|(_, password)| password),
            Self::Direct | Self::Environment => None,
        }
    }
}

impl Proxy {
    /// Reads `http://host:port`, with what goes past it.
    pub fn at(url: &str, no_proxy: Vec<String>) -> Option<Self> {
        let uri: http::Uri = url.parse().ok()?;
        let scheme = uri.scheme_str()?;
        let authority = uri.authority()?;
        let is_plain = scheme == "http" && !authority.as_str().contains('@');
        let port = if authority.as_str().ends_with(authority.host()) {
            80
        } else {
            authority.port_u16()?
        };
        (is_plain && matches!(uri.path(), "" | "/")).then(|| Self {
            host: authority.host().to_owned(),
            port,
            sign_in: None,
            no_proxy,
        })
    }

    /// Whether a host is reached without it.
    pub fn is_past(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.no_proxy.iter().any(|one| {
            let one = one.trim().trim_end_matches('.').to_ascii_lowercase();
            let name = one.trim_start_matches("*.").trim_start_matches('.');
            one == "*"
                || (!name.is_empty() && (host == name || host.ends_with(&format!(".{name}"))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_a_port_and_names_go_past_it() {
        let proxy = |url: &str, past: &[&str]| {
            Proxy::at(url, past.iter().map(|one| (*one).to_owned()).collect())
        };
        let one = proxy(
            "http://proxy.example:3128",
            &["localhost", ".internal.example", "*.lab"],
        );
        let one = one.unwrap();
        assert_eq!((one.host.as_str(), one.port), ("proxy.example", 3128));
        for (host, is_past) in [
            ("localhost", true),
            ("LOCALHOST", true),
            ("a.internal.example", true),
            ("internal.example", true),
            ("notinternal.example", false),
            ("x.lab", true),
            ("payer.example", false),
        ] {
            assert_eq!(one.is_past(host), is_past, "{host}");
        }
        assert!(
            proxy("http://p.example", &["*"])
                .unwrap()
                .is_past("any.example")
        );
        assert_eq!(proxy("http://p.example", &[]).unwrap().port, 80);
        for wrong in [
            "https://p.example:3128",
            "socks5://p.example:1080",
            "http://user:word@p.example:3128",
            "http://p.example:99999",
            "http://p.example/path",
            "nonsense",
        ] {
            assert!(proxy(wrong, &[]).is_none(), "{wrong}");
        }
    }
}
