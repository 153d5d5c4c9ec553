//! Plain text out of Markdown: the first paragraph, the first heading, the links, where pictures are named.
use std::{ops::Range, sync::LazyLock};

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};
use regex::Regex;

/// The first paragraph with words in it that stands for itself, not in a list, quotation or table.
pub fn first_paragraph(markdown: &str) -> Option<String> {
    let mut events = parse(markdown);
    let mut depth = 0;
    while let Some(event) = events.next() {
        match event {
            Event::Start(Tag::Paragraph) if depth == 0 => {
                let text = plain(&mut events, TagEnd::Paragraph);
                if !text.is_empty() {
                    return Some(text);
                }
            }
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The first heading with words in it, whatever its level.
pub fn first_heading(markdown: &str) -> Option<String> {
    let mut events = parse(markdown);
    while let Some(event) = events.next() {
        if let Event::Start(Tag::Heading { level, .. }) = event {
            let text = plain(&mut events, TagEnd::Heading(level));
            if !text.is_empty() {
                return Some(text);
            }
        }
    }
    None
}

/// Where the links lead, in the order of the text.
pub fn links(markdown: &str) -> Vec<String> {
    let targets = parse(markdown).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.into_string()),
        _ => None,
    });
    targets.collect()
}

/// Where pictures are named, and how: the range is that of the address alone.
pub fn pictures(markdown: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let parser = parse(markdown);
    let defined: Vec<(String, Range<usize>)> = parser
        .reference_definitions()
        .iter()
        .map(|(_, definition)| (definition.dest.to_string(), definition.span.clone()))
        .collect();
    for (event, at) in parser.into_offset_iter() {
        match event {
            Event::Start(Tag::Image { link_type: LinkType::Inline, dest_url, .. }) => {
                let behind = markdown[at.clone()].rfind("](").map_or(0, |place| place + 2);
                found.extend(address(markdown, at.start + behind..at.end, &dest_url));
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                let definition = defined.iter().find(|(dest, _)| **dest == *dest_url);
                let behind =
                    |span: &Range<usize>| markdown[span.clone()].find("]:").map_or(0, |place| place + 2);
                if let Some((_, span)) = definition {
                    found.extend(address(markdown, span.start + behind(span)..span.end, &dest_url));
                }
            }
            Event::Html(_) | Event::InlineHtml(_) => found.extend(sources(markdown, at)),
            _ => {}
        }
    }
    found
}

/// The place of an address in what stands around it; brackets around it belong to it.
fn address(markdown: &str, within: Range<usize>, wanted: &str) -> Option<(Range<usize>, String)> {
    if wanted.is_empty() {
        return None;
    }
    let start = within.start + markdown[within].find(wanted)?;
    let end = start + wanted.len();
    let bracketed = markdown[..start].ends_with('<') && markdown[end..].starts_with('>');
    let at = if bracketed { start - 1..end + 1 } else { start..end };
    Some((at, wanted.to_owned()))
}

/// The addresses of `img` elements in a piece of HTML.
fn sources(markdown: &str, within: Range<usize>) -> Vec<(Range<usize>, String)> {
    static SOURCE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?i)<img\s[^>]*?\bsrc\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)')"#).ok());
    let Some(source) = SOURCE.as_ref() else { return Vec::new() };
    let found = source.captures_iter(&markdown[within.clone()]);
    let found = found.filter_map(|found| found.get(1).or_else(|| found.get(2)));
    let place = |text: regex::Match<'_>| {
        (within.start + text.start()..within.start + text.end(), text.as_str().to_owned())
    };
    found.map(place).collect()
}

/// The text if it has at most `max` characters, else as many whole words of it as fit, with an ellipsis.
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let end = text.char_indices().nth(max.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    let (head, tail) = text.split_at(end);
    let whole = if tail.starts_with(char::is_whitespace) {
        head
    } else {
        head.rsplit_once(char::is_whitespace).map_or(head, |(words, _)| words)
    };
    format!("{}…", whole.trim_end_matches(|c: char| c.is_whitespace() || ",;:–—-".contains(c)))
}

fn parse(markdown: &str) -> Parser<'_> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES;
    Parser::new_ext(markdown, options)
}

/// The words up to `end`; what pictures stand for is left out.
fn plain(events: &mut Parser<'_>, end: TagEnd) -> String {
    let mut text = String::new();
    let mut pictures = 0;
    for event in events {
        match event {
            Event::End(tag) if tag == end => break,
            Event::Start(Tag::Image { .. }) => pictures += 1,
            Event::End(TagEnd::Image) => pictures -= 1,
            Event::Text(words) | Event::Code(words) if pictures == 0 => text.push_str(&words),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_paragraph_is_plain_text() {
        let text = "# Glue\n\n![A clamp](c.png)\n\n> Said\n> once.\n\n- a list\n\nUse *hide* glue, `hot`,\nand [wait](x).\n\nMore.";
        assert_eq!(first_paragraph(text).as_deref(), Some("Use hide glue, hot, and wait."));
        assert_eq!(first_paragraph("- only\n- lists"), None);
    }

    #[test]
    fn the_first_heading_may_have_any_level() {
        assert_eq!(
            first_heading("Words\n\n#### The `--watch` *flag*\n").as_deref(),
            Some("The --watch flag")
        );
        assert_eq!(first_heading("Setext\n===\n").as_deref(), Some("Setext"));
        assert_eq!(first_heading("```\n# not one\n```\n"), None);
    }

    #[test]
    fn text_is_cut_between_words() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("one two, three", 9), "one two…");
        assert_eq!(cut("one two three", 8), "one two…");
        assert_eq!(cut("ääääääääää", 4), "äää…");
    }
}
