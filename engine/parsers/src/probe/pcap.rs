//! pcap and pcapng files: packets with what VXLAN and IPIP carry inside.

use super::packet::Packet;
use super::packet_layers::{self, Link};
use crate::ParseError;
use crate::text::clean;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pcap_parser::pcapng::Block;
use pcap_parser::{LegacyPcapSlice, PcapBlockOwned, PcapNGSlice, parse_pcap_frame, parse_pcap_frame_be};
use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Capture {
    /// `pcap` or `pcapng`.
    pub format: String,
    pub packets: Vec<Packet>,
    /// The file ends inside a packet, as it does when the capture was killed.
    pub truncated: bool,
}

/// Reads a capture file as base64, which is how it comes over a transport for text: `tcpdump -w - ... | base64`.
///
/// Shape: [`Capture`]; `info` of the packets is empty, `time_s` is seconds since 1970.
pub fn parse(text: &str) -> Result<Capture, ParseError> {
    let text = clean(text);
    let packed: String = text.split_whitespace().collect();
    let bytes = STANDARD
        .decode(&packed)
        .map_err(|e| ParseError::new(1, packed, format!("base64 ({e})")))?;
    read(&bytes)
}

/// Reads a capture file: pcap of either byte order and precision, or pcapng.
pub fn read(bytes: &[u8]) -> Result<Capture, ParseError> {
    if let Ok(file) = LegacyPcapSlice::from_slice(bytes) {
        return Ok(legacy(&file, bytes));
    }
    if let Ok(file) = PcapNGSlice::from_slice(bytes) {
        return Ok(next_generation(file));
    }
    Err(ParseError::new(0, "", "a pcap or pcapng file"))
}

fn legacy(file: &LegacyPcapSlice<'_>, bytes: &[u8]) -> Capture {
    /// Length of the header of the file.
    const HEADER: usize = 24;
    let header = &file.header;
    let link = Link::from_number(header.network.0);
    // The iterator of the crate reads the usual byte order only.
    let parse = if header.is_bigendian() {
        parse_pcap_frame_be
    } else {
        parse_pcap_frame
    };
    let fraction = if header.is_nanosecond_precision() { 1e-9 } else { 1e-6 };
    let mut found = Capture {
        format: "pcap".into(),
        ..Capture::default()
    };
    let mut rest = bytes.get(HEADER..).unwrap_or_default();
    while !rest.is_empty() {
        let Ok((after, block)) = parse(rest) else {
            found.truncated = true;
            break;
        };
        let mut packet = packet_layers::read(link, block.data);
        packet.time_s = Some(f64::from(block.ts_sec) + f64::from(block.ts_usec) * fraction);
        found.packets.push(packet);
        rest = after;
    }
    found
}

fn next_generation(file: PcapNGSlice<'_>) -> Capture {
    struct Interface {
        link: Link,
        name: Option<String>,
        resolution: u64,
        offset: u64,
    }
    let mut found = Capture {
        format: "pcapng".into(),
        ..Capture::default()
    };
    let mut interfaces: Vec<Interface> = Vec::new();
    for block in file {
        match block {
            Ok(PcapBlockOwned::NG(Block::SectionHeader(_))) => interfaces.clear(),
            Ok(PcapBlockOwned::NG(Block::InterfaceDescription(description))) => interfaces.push(Interface {
                link: Link::from_number(description.linktype.0),
                name: description.if_name().and_then(Result::ok).map(str::to_owned),
                resolution: description.ts_resolution().unwrap_or(1_000_000),
                offset: u64::try_from(description.ts_offset()).unwrap_or_default(),
            }),
            Ok(PcapBlockOwned::NG(Block::EnhancedPacket(block))) => {
                let interface = usize::try_from(block.if_id).ok().and_then(|id| interfaces.get(id));
                let link = interface.map_or(Link::Other(0), |i| i.link);
                let mut packet = packet_layers::read(link, captured(block.data, block.caplen));
                packet.time_s = interface.map(|i| seconds(block.ts_high, block.ts_low, i.resolution, i.offset));
                packet.dev = interface.and_then(|i| i.name.clone());
                found.packets.push(packet);
            }
            Ok(PcapBlockOwned::NG(Block::SimplePacket(block))) => {
                let link = interfaces.first().map_or(Link::Other(0), |i| i.link);
                found
                    .packets
                    .push(packet_layers::read(link, captured(block.data, block.origlen)));
            }
            // Names, statistics, comments.
            Ok(_) => {}
            Err(_) => {
                found.truncated = true;
                break;
            }
        }
    }
    found
}

/// Blocks are padded to four bytes.
fn captured(data: &[u8], length: u32) -> &[u8] {
    usize::try_from(length)
        .ok()
        .and_then(|length| data.get(..length))
        .unwrap_or(data)
}

fn seconds(high: u32, low: u32, resolution: u64, offset: u64) -> f64 {
    let ticks = (u64::from(high) << 32) | u64::from(low);
    let resolution = resolution.max(1);
    // Whole seconds apart from the fraction: together they are more than a float holds exactly.
    offset as f64 + (ticks / resolution) as f64 + (ticks % resolution) as f64 / resolution as f64
}
