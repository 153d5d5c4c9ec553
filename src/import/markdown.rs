//! Extraction from Markdown: the first paragraph and the first heading as plain text, links, and image
//! references.
use std::{ops::Range, sync::LazyLock};

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};
use regex::Regex;

/// Returns the first non-empty paragraph at the top level, not in a list, quotation or table.
pub fn first_paragraph(markdown: &str) -> Option<String> {
    let mut events = parse(markdown);
    let mut depth = 0;
    while let Some(event) = events.next() {
        match event {
            Event::Start(Tag::Paragraph) if depth == 0 => {
                let text = plain_text(&mut events, TagEnd::Paragraph);
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

/// Returns the first non-empty heading of any level.
pub fn first_heading(markdown: &str) -> Option<String> {
    let mut events = parse(markdown);
    while let Some(event) = events.next() {
        if let Event::Start(Tag::Heading { level, .. }) = event {
            let text = plain_text(&mut events, TagEnd::Heading(level));
            if !text.is_empty() {
                return Some(text);
            }
        }
    }
    None
}

/// Returns the destinations of all links, in document order.
pub fn links(markdown: &str) -> Vec<String> {
    let targets = parse(markdown).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.into_string()),
        _ => None,
    });
    targets.collect()
}

/// Returns the image references: the byte range of each URL, and the URL.
pub fn images(markdown: &str) -> Vec<(Range<usize>, String)> {
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
                let offset = markdown[at.clone()].rfind("](").map_or(0, |at| at + 2);
                found.extend(locate(markdown, at.start + offset..at.end, &dest_url));
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                let definition = defined.iter().find(|(dest, _)| **dest == *dest_url);
                let offset = |span: &Range<usize>| markdown[span.clone()].find("]:").map_or(0, |at| at + 2);
                if let Some((_, span)) = definition {
                    found.extend(locate(markdown, span.start + offset(span)..span.end, &dest_url));
                }
            }
            Event::Html(_) | Event::InlineHtml(_) => found.extend(html_images(markdown, at)),
            _ => {}
        }
    }
    found
}

/// Locates a URL within a range. The result includes angle brackets around the URL.
fn locate(markdown: &str, within: Range<usize>, url: &str) -> Option<(Range<usize>, String)> {
    if url.is_empty() {
        return None;
    }
    let start = within.start + markdown[within].find(url)?;
    let end = start + url.len();
    let bracketed = markdown[..start].ends_with('<') && markdown[end..].starts_with('>');
    let at = if bracketed { start - 1..end + 1 } else { start..end };
    Some((at, url.to_owned()))
}

/// Returns the `src` attributes of `img` elements in an HTML fragment.
fn html_images(markdown: &str, within: Range<usize>) -> Vec<(Range<usize>, String)> {
    static SOURCE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?i)<img\s[^>]*?\bsrc\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)')"#).ok());
    let Some(source) = SOURCE.as_ref() else { return Vec::new() };
    let found = source.captures_iter(&markdown[within.clone()]);
    let found = found.filter_map(|found| found.get(1).or_else(|| found.get(2)));
    let locate = |text: regex::Match<'_>| {
        (within.start + text.start()..within.start + text.end(), text.as_str().to_owned())
    };
    found.map(locate).collect()
}

/// Truncates a text to at most `max` characters, at a word boundary and with an ellipsis.
pub fn truncate(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let end = text.char_indices().nth(max.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    let (head, tail) = text.split_at(end);
    let whole_words = if tail.starts_with(char::is_whitespace) {
        head
    } else {
        head.rsplit_once(char::is_whitespace).map_or(head, |(before, _)| before)
    };
    format!("{}…", whole_words.trim_end_matches(|c: char| c.is_whitespace() || ",;:–—-".contains(c)))
}

fn parse(markdown: &str) -> Parser<'_> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES;
    Parser::new_ext(markdown, options)
}

/// Returns the text up to `end`, without the alternative texts of images.
fn plain_text(events: &mut Parser<'_>, end: TagEnd) -> String {
    let mut text = String::new();
    let mut image_depth = 0;
    for event in events {
        match event {
            Event::End(tag) if tag == end => break,
            Event::Start(Tag::Image { .. }) => image_depth += 1,
            Event::End(TagEnd::Image) => image_depth -= 1,
            Event::Text(part) | Event::Code(part) if image_depth == 0 => text.push_str(&part),
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
    fn returns_the_first_paragraph_as_plain_text() {
        let text = "# Glue\n\n![A clamp](c.png)\n\n> Said\n> once.\n\n- a list\n\nUse *hide* glue, `hot`,\nand [wait](x).\n\nMore.";
        assert_eq!(first_paragraph(text).as_deref(), Some("Use hide glue, hot, and wait."));
        assert_eq!(first_paragraph("- only\n- lists"), None);
    }

    #[test]
    fn returns_the_first_heading_of_any_level() {
        assert_eq!(
            first_heading("Words\n\n#### The `--watch` *flag*\n").as_deref(),
            Some("The --watch flag")
        );
        assert_eq!(first_heading("Setext\n===\n").as_deref(), Some("Setext"));
        assert_eq!(first_heading("```\n# not one\n```\n"), None);
    }

    #[test]
    fn truncates_at_word_boundaries() {
        assert_eq!(truncate("short", 5), "short");
        assert_eq!(truncate("one two, three", 9), "one two…");
        assert_eq!(truncate("one two three", 8), "one two…");
        assert_eq!(truncate("ääääääääää", 4), "äää…");
    }
}
