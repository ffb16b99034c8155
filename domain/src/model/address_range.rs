//! Ranges of addresses that are not on the public Internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::closed::closed;

closed!(
    /// A range that a partner must not send the agent to, unless the partner itself lies in it.
    AddressRange {
        /// Where clouds serve credentials and settings to their machines.
        Metadata = "cloud metadata",
        /// This machine.
        Loopback = "loopback",
        /// This network segment.
        LinkLocal = "link-local",
        /// A private network (RFC 1918, RFC 4193).
        Private = "private-use",
        /// Between a provider and its customers (RFC 6598).
        Shared = "shared address space",
        /// Groups of machines.
        Multicast = "multicast",
        /// Everything else that is not globally reachable: unspecified, documentation, benchmarks, discard, future use.
        Reserved = "reserved",
    }
);

/// IPv4, the narrower range first: the IANA IPv4 Special-Purpose Address Registry (RFC 6890), entries that are not
/// globally reachable; the IPv4 Multicast Address Space Registry; and the addresses at which AWS, Google and Azure
/// (169.254.169.254), ECS and EKS (169.254.170.2, .23), Azure's host agent (168.63.129.16), Alibaba (100.100.100.200)
/// and Oracle (192.0.0.192) serve metadata.
const V4: &[(Ipv4Addr, u32, AddressRange)] = &[
    (
        Ipv4Addr::new(169, 254, 169, 254),
        32,
        AddressRange::Metadata,
    ),
    (Ipv4Addr::new(169, 254, 170, 2), 32, AddressRange::Metadata),
    (Ipv4Addr::new(169, 254, 170, 23), 32, AddressRange::Metadata),
    (Ipv4Addr::new(168, 63, 129, 16), 32, AddressRange::Metadata),
    (
        Ipv4Addr::new(100, 100, 100, 200),
        32,
        AddressRange::Metadata,
    ),
    (Ipv4Addr::new(192, 0, 0, 192), 32, AddressRange::Metadata),
    (Ipv4Addr::new(0, 0, 0, 0), 8, AddressRange::Reserved),
    (Ipv4Addr::new(10, 0, 0, 0), 8, AddressRange::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, AddressRange::Shared),
    (Ipv4Addr::new(127, 0, 0, 0), 8, AddressRange::Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, AddressRange::LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, AddressRange::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, AddressRange::Reserved),
    (Ipv4Addr::new(192, 0, 2, 0), 24, AddressRange::Reserved),
    (Ipv4Addr::new(192, 88, 99, 0), 24, AddressRange::Reserved),
    (Ipv4Addr::new(192, 168, 0, 0), 16, AddressRange::Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, AddressRange::Reserved),
    (Ipv4Addr::new(198, 51, 100, 0), 24, AddressRange::Reserved),
    (Ipv4Addr::new(203, 0, 113, 0), 24, AddressRange::Reserved),
    (Ipv4Addr::new(224, 0, 0, 0), 4, AddressRange::Multicast),
    (Ipv4Addr::new(240, 0, 0, 0), 4, AddressRange::Reserved),
];

/// IPv6, the narrower range first: the IANA IPv6 Special-Purpose Address Registry, entries that are not globally
/// reachable, and site-local addresses (RFC 3879); the IPv6 Multicast Address Space Registry; and where AWS serves
/// metadata (fd00:ec2::254; ECS and EKS: fd00:ec2::23).
const V6: &[(Ipv6Addr, u32, AddressRange)] = &[
    (
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        128,
        AddressRange::Metadata,
    ),
    (
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
        128,
        AddressRange::Metadata,
    ),
    (Ipv6Addr::LOCALHOST, 128, AddressRange::Loopback),
    (Ipv6Addr::UNSPECIFIED, 96, AddressRange::Reserved),
    (
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0),
        48,
        AddressRange::Private,
    ),
    (
        Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0),
        63,
        AddressRange::Reserved,
    ),
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        32,
        AddressRange::Reserved,
    ),
    (
        Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0),
        48,
        AddressRange::Reserved,
    ),
    (
        Ipv6Addr::new(0x2001, 0x10, 0, 0, 0, 0, 0, 0),
        28,
        AddressRange::Reserved,
    ),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        AddressRange::Reserved,
    ),
    (
        Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0),
        20,
        AddressRange::Reserved,
    ),
    (
        Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0),
        16,
        AddressRange::Reserved,
    ),
    (
        Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0),
        7,
        AddressRange::Private,
    ),
    (
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0),
        10,
        AddressRange::LinkLocal,
    ),
    (
        Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0),
        10,
        AddressRange::Private,
    ),
    (
        Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0),
        8,
        AddressRange::Multicast,
    ),
];

/// Prefixes whose addresses carry an IPv4 address that is reached instead, and how many bits stand behind it:
/// IPv4-mapped (RFC 4291 §2.5.5.2), NAT64 (RFC 6052 §2.1), 6to4 (RFC 3056 §2).
const CARRIERS: &[(Ipv6Addr, u32, u32)] = &[
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 0),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, 0),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 80),
];

impl AddressRange {
    /// The range that an address lies in; none for a public one.
    pub fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => {
                let carrier = CARRIERS
                    .iter()
                    .find(|(start, bits, _)| is_within(address, *start, *bits));
                if let Some((_, _, behind)) = carrier {
                    let carried = address.to_bits() >> behind & u128::from(u32::MAX);
                    return u32::try_from(carried)
                        .ok()
                        .and_then(|bits| Self::of_v4(Ipv4Addr::from_bits(bits)));
                }
                let ranges = V6.iter();
                let mut ranges =
                    ranges.filter(|(start, bits, _)| is_within(address, *start, *bits));
                ranges.next().map(|(_, _, range)| *range)
            }
        }
    }

    fn of_v4(address: Ipv4Addr) -> Option<Self> {
        let ranges = V4.iter();
        let mut ranges = ranges.filter(|(start, bits, _)| {
            let behind = 32 - bits;
            address.to_bits() >> behind == start.to_bits() >> behind
        });
        ranges.next().map(|(_, _, range)| *range)
    }
}

/// Whether an address has the first bits of another.
fn is_within(address: Ipv6Addr, start: Ipv6Addr, bits: u32) -> bool {
    let behind = 128 - bits;
    address.to_bits() >> behind == start.to_bits() >> behind
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_special_address_has_its_range_and_public_ones_have_none() {
        use AddressRange::*;
        for (address, expected) in [
            ("8.8.8.8", None),
            ("172.15.255.255", None),
            ("172.32.0.0", None),
            ("100.63.255.255", None),
            ("100.128.0.0", None),
            ("2600::1", None),
            ("2a00:1450:4001:82b::200e", None),
            ("64:ff9b::808:808", None),
            ("::ffff:8.8.8.8", None),
            ("2002:808:808::1", None),
            ("0.0.0.0", Some(Reserved)),
            ("10.255.255.255", Some(Private)),
            ("172.16.0.1", Some(Private)),
            ("172.31.255.255", Some(Private)),
            ("192.168.0.1", Some(Private)),
            ("100.64.0.1", Some(Shared)),
            ("100.127.255.255", Some(Shared)),
            ("100.100.100.200", Some(Metadata)),
            ("127.0.0.1", Some(Loopback)),
            ("127.255.255.255", Some(Loopback)),
            ("169.254.0.1", Some(LinkLocal)),
            ("169.254.169.254", Some(Metadata)),
            ("168.63.129.16", Some(Metadata)),
            ("224.0.0.1", Some(Multicast)),
            ("239.255.255.255", Some(Multicast)),
            ("255.255.255.255", Some(Reserved)),
            ("198.19.255.255", Some(Reserved)),
            ("::", Some(Reserved)),
            ("::1", Some(Loopback)),
            ("::127.0.0.1", Some(Reserved)),
            ("::ffff:127.0.0.1", Some(Loopback)),
            ("::ffff:169.254.169.254", Some(Metadata)),
            ("64:ff9b::a9fe:a9fe", Some(Metadata)),
            ("64:ff9b::a00:1", Some(Private)),
            ("64:ff9b:1::1", Some(Private)),
            ("2002:7f00:1::1", Some(Loopback)),
            ("fd00:ec2::254", Some(Metadata)),
            ("fd12::1", Some(Private)),
            ("fe80::1", Some(LinkLocal)),
            ("fec0::1", Some(Private)),
            ("ff02::1", Some(Multicast)),
            ("2001:db8::1", Some(Reserved)),
            ("2001::1", Some(Reserved)),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(AddressRange::of(address), expected, "{address}");
        }
    }

    proptest! {
        /// The standard library's own tables are a second opinion.
        #[test]
        fn no_address_that_the_standard_library_calls_special_is_public(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let is_special = address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_unspecified();
            let found = AddressRange::of(IpAddr::V4(address));
            prop_assert!(!is_special || found.is_some());
            for carrier in [address.to_ipv6_mapped(), Ipv6Addr::from_bits(0x64_ff9b << 96 | u128::from(bits))] {
                prop_assert_eq!(AddressRange::of(IpAddr::V6(carrier)), found);
            }
        }
    }
}
