//! Evidence as bytes: a byte of format, a checksum, then the evidence, compressed where that makes it smaller.
//!
//! Runs of one probe resemble each other, so an earlier evidence serves as dictionary: what both share costs nothing.

use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use super::rows::Detail;

/// The layout of the evidence; the upper half of the byte of format. Another layout is another number.
const LAYOUT: u8 = 0x10;
const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;
const DEFLATED_BY_REFERENCE: u8 = 2;
/// Two bytes of size, then LZ4 with the reference as dictionary.
const LZ4_BY_REFERENCE: u8 = 3;
/// Up to this many bytes LZ4 is used: deflate clears 200 KB of tables for each evidence, which is more work than the
/// check that it is of.
const LZ4_MAX: usize = 2048;
/// The byte of format, and the checksum of the evidence.
const HEAD: usize = 5;
/// Below this many bytes nothing is compressed.
const COMPRESSED_MIN: usize = 96;
/// The most bytes that one evidence is unpacked to, so that a damaged one takes no memory.
const UNPACKED_MAX: usize = 64 * 1024 * 1024;
/// What is said of bytes that no packing made.
const DAMAGED: &str = "it cannot be unpacked";

/// Packs, and keeps what compressing needs between two packings.
pub(super) struct Packer {
    deflate: Compress,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self {
            deflate: Compress::new(Compression::new(6), false),
        }
    }
}

/// What packing came to.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) body: Vec<u8>,
    /// Whether it can be read with the reference alone.
    pub(super) by_reference: bool,
}

/// The evidence as bytes that are not packed yet.
///
/// # Errors
/// It holds what the format does not know: a mistake of ours.
pub(super) fn encode(detail: &Detail) -> Result<Vec<u8>, postcard::Error> {
    let mut bytes = postcard::to_allocvec(detail)?;
    if !detail.unknown.is_empty() {
        bytes.extend(postcard::to_allocvec(&detail.unknown)?);
    }
    Ok(bytes)
}

/// The reverse of [`encode`].
///
/// # Errors
/// What does not fit.
pub(super) fn decode(bytes: &[u8]) -> Result<Detail, &'static str> {
    let misfit = |_| "its parts do not fit together";
    let (mut detail, rest) = postcard::take_from_bytes::<Detail>(bytes).map_err(misfit)?;
    if !rest.is_empty() {
        detail.unknown = postcard::from_bytes(rest).map_err(misfit)?;
    }
    Ok(detail)
}

impl Packer {
    /// Packs an evidence; `reference` is an earlier one, unpacked.
    pub(super) fn pack(&mut self, bytes: &[u8], reference: Option<&[u8]>) -> Packed {
        let packed = match reference {
            _ if bytes.len() < COMPRESSED_MIN => None,
            Some(reference) if bytes.len() <= LZ4_MAX => lz4(bytes, reference),
            Some(_) => self.deflate(bytes, reference, DEFLATED_BY_REFERENCE),
            None => self.deflate(bytes, reference, DEFLATED),
        };
        let (format, kept) = match &packed {
            Some((format, kept)) if kept.len() < bytes.len() => (*format, kept.as_slice()),
            Some(_) | None => (PLAIN, bytes),
        };
        let mut body = Vec::with_capacity(HEAD + kept.len());
        body.push(LAYOUT | format);
        body.extend(checksum(bytes).to_le_bytes());
        body.extend(kept);
        let by_reference = matches!(format, DEFLATED_BY_REFERENCE | LZ4_BY_REFERENCE);
        Packed { body, by_reference }
    }

    /// None when it cannot be compressed; it is stored plain then.
    fn deflate(
        &mut self,
        bytes: &[u8],
        reference: Option<&[u8]>,
        format: u8,
    ) -> Option<(u8, Vec<u8>)> {
        self.deflate.reset();
        if let Some(reference) = reference {
            self.deflate.set_dictionary(reference).ok()?;
        }
        let mut out = Vec::with_capacity(bytes.len());
        let status = self
            .deflate
            .compress_vec(bytes, &mut out, FlushCompress::Finish);
        (status.ok()? == Status::StreamEnd).then_some((format, out))
    }
}

/// None for what is too long.
fn lz4(bytes: &[u8], reference: &[u8]) -> Option<(u8, Vec<u8>)> {
    let size = u16::try_from(bytes.len()).ok()?;
    let packed = lz4_flex::block::compress_with_dict(bytes, reference);
    Some((
        LZ4_BY_REFERENCE,
        [&size.to_le_bytes(), packed.as_slice()].concat(),
    ))
}

fn unlz4(kept: &[u8], reference: &[u8]) -> Result<Vec<u8>, &'static str> {
    let (size, packed) = kept.split_first_chunk().ok_or("it is too short")?;
    let size = usize::from(u16::from_le_bytes(*size));
    let unpacked = lz4_flex::block::decompress_with_dict(packed, size, reference);
    unpacked.map_err(|_| DAMAGED)
}

/// Unpacks an evidence; `reference` is the one it was packed with, unpacked.
///
/// # Errors
/// What does not fit: it is damaged.
pub(super) fn unpack(body: &[u8], reference: Option<&[u8]>) -> Result<Vec<u8>, &'static str> {
    let (head, kept) = body.split_at_checked(HEAD).ok_or("it is too short")?;
    let [format, sum @ ..] = head else {
        return Err("it is too short");
    };
    if format & 0xF0 != LAYOUT {
        return Err("its layout is not known");
    }
    let bytes = match (format & 0x0F, reference) {
        (PLAIN, _) => kept.to_vec(),
        (DEFLATED, _) => inflate(kept, None)?,
        (DEFLATED_BY_REFERENCE, Some(reference)) => inflate(kept, Some(reference))?,
        (LZ4_BY_REFERENCE, Some(reference)) => unlz4(kept, reference)?,
        (DEFLATED_BY_REFERENCE | LZ4_BY_REFERENCE, None) => return Err("its reference is missing"),
        _ => return Err("its format is not known"),
    };
    if checksum(&bytes).to_le_bytes() == *sum {
        Ok(bytes)
    } else {
        Err("its checksum is another")
    }
}

fn inflate(kept: &[u8], reference: Option<&[u8]>) -> Result<Vec<u8>, &'static str> {
    let mut inflate = Decompress::new(false);
    if let Some(reference) = reference {
        inflate.set_dictionary(reference).map_err(|_| DAMAGED)?;
    }
    let mut out = Vec::with_capacity(kept.len().saturating_mul(8).max(1024));
    loop {
        let read = usize::try_from(inflate.total_in()).map_err(|_| DAMAGED)?;
        let rest = kept.get(read..).ok_or(DAMAGED)?;
        let had = (inflate.total_in(), inflate.total_out());
        let status = inflate
            .decompress_vec(rest, &mut out, FlushDecompress::Finish)
            .map_err(|_| DAMAGED)?;
        if status == Status::StreamEnd {
            return Ok(out);
        }
        let is_stuck = had == (inflate.total_in(), inflate.total_out());
        if out.len() > UNPACKED_MAX || (is_stuck && out.len() < out.capacity()) {
            return Err(DAMAGED);
        }
        out.reserve(out.len().max(1024));
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(bytes);
    sum.sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    #[test]
    fn what_two_evidences_share_costs_next_to_nothing() {
        let noise = (0..4_000_u32)
            .map(|number| number.wrapping_mul(2_654_435_761).rotate_left(number % 31));
        let first: Vec<u8> = noise.flat_map(u32::to_le_bytes).collect();
        let mut second = first.clone();
        second[8_000] ^= 1;
        let mut packer = Packer::default();
        let alone = packer.pack(&second, None);
        let packed = packer.pack(&second, Some(&first));
        assert!(packed.by_reference && !alone.by_reference);
        assert!(
            packed.body.len() * 20 < alone.body.len(),
            "{}",
            packed.body.len()
        );
        assert_eq!(unpack(&packed.body, Some(&first)), Ok(second.clone()));
        assert_eq!(unpack(&alone.body, None), Ok(second));
        assert_eq!(unpack(&packed.body, None), Err("its reference is missing"));
        assert!(unpack(&packed.body, Some(&first[..first.len() - 1])).is_err());
    }

    #[test]
    fn a_small_evidence_is_what_differs_from_its_reference() {
        let first: Vec<u8> = (0..300_u32)
            .flat_map(|number| (number * number).to_be_bytes())
            .collect();
        let first = &first[..400];
        let mut second = first.to_vec();
        (second[50], second[300]) = (7, 9);
        let packed = Packer::default().pack(&second, Some(first));
        assert!(packed.by_reference);
        assert_eq!(packed.body[0], LAYOUT | LZ4_BY_REFERENCE);
        assert!(packed.body.len() < 60, "{}", packed.body.len());
        assert_eq!(unpack(&packed.body, Some(first)), Ok(second));
        assert_eq!(unpack(&packed.body, None), Err("its reference is missing"));
        assert!(unpack(&packed.body, Some(&first[..399])).is_err());
    }

    #[test]
    fn a_small_evidence_is_stored_as_it_is() {
        let packed = Packer::default().pack(b"short", None);
        assert_eq!(packed.body.len(), HEAD + 5);
        assert_eq!(unpack(&packed.body, None), Ok(b"short".to_vec()));
    }

    proptest! {
        #[test]
        fn whatever_is_packed_comes_back_and_no_damage_passes_for_it(
            bytes: Vec<u8>, reference: Vec<u8>, at: usize, bit in 0_u8..8, with: bool,
        ) {
            let reference = with.then_some(reference.as_slice());
            let mut body = Packer::default().pack(&bytes, reference).body;
            assert_eq!(unpack(&body, reference), Ok(bytes.clone()));
            let at = at % body.len();
            body[at] ^= 1 << bit;
            // A bit in the padding of the last byte may mean nothing; anything else is noticed.
            if let Ok(read) = unpack(&body, reference) {
                assert_eq!(read, bytes);
            }
        }

        #[test]
        fn hostile_bytes_are_refused_without_a_panic(bytes: Vec<u8>, seed in any::<[u8; 8]>()) {
            for (format, reference) in [(DEFLATED, None), (LZ4_BY_REFERENCE, Some(&seed[..]))] {
                let mut body = vec![LAYOUT | format];
                body.extend(seed);
                body.extend(&bytes);
                let _unpacked = unpack(&body, reference);
                let _decoded = decode(&body);
            }
        }
    }
}
