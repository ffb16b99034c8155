//! Currencies that a contract can name: those in which people pay (ISO 4217, list one, without funds and metals).

use super::tree::Table;
use crate::model::Currency;

/// Currencies without a minor unit.
const WHOLE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
/// Those with thousandths.
const THOUSANDTHS: &str = "BHD IQD JOD KWD LYD OMR TND";
/// All others: they have hundredths.
const HUNDREDTHS: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD \
    CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD \
    GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL \
    MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN \
    PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP \
    SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";

/// Decimals of a currency's minor unit; none of what is no currency.
fn decimals(code: &str) -> Option<u32> {
    let lists = [(WHOLE, 0), (THOUSANDTHS, 3), (HUNDREDTHS, 2)];
    let found = lists
        .iter()
        .find(|(list, _)| list.split(' ').any(|one| one == code));
    found.map(|(_, decimals)| *decimals)
}

/// The `currency` of a table.
pub(super) fn currency(table: &Table<'_>) -> Option<Currency> {
    let written = table.need_text("currency", "\"USD\"")?;
    let code = written.value;
    let Some(decimals) = decimals(code) else {
        let what = format!("`currency` is \"{code}\", which is no currency");
        let help = "write the three capital letters of ISO 4217, such as \"USD\"";
        table.report(written.span, what, help);
        return None;
    };
    Some(Currency {
        code: code.to_owned(),
        decimals,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_one_of_the_list() {
        for (code, wanted) in [
            ("USD", Some(2)),
            ("JPY", Some(0)),
            ("KWD", Some(3)),
            ("USX", None),
            ("usd", None),
            ("US", None),
            ("USD EUR", None),
            ("", None),
        ] {
            assert_eq!(decimals(code), wanted, "{code}");
        }
    }
}
