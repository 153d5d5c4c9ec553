//! The pixels of a picture in memory, eight bits a channel.
use fast_image_resize::{
    FilterType, MulDiv, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};

use super::{Refused, limits};

/// One to four channels: grey, grey and alpha, RGB, RGB and alpha.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    pub width: u32,
    pub height: u32,
    pub channels: usize,
    pub data: Vec<u8>,
}

/// A part of a picture, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Pixels {
    pub fn new(width: u32, height: u32, channels: usize) -> Self {
        let data = vec![0; width as usize * height as usize * channels];
        Pixels { width, height, channels, data }
    }

    pub fn transparent(&self) -> bool {
        self.channels.is_multiple_of(2)
    }

    fn row(&self) -> usize {
        self.width as usize * self.channels
    }

    pub fn mirror(&mut self) {
        let (row, channels) = (self.row(), self.channels);
        for line in self.data.chunks_exact_mut(row) {
            line.reverse();
            line.chunks_exact_mut(channels).for_each(<[u8]>::reverse);
        }
    }

    pub fn flip(&mut self) {
        let row = self.row();
        let half = self.height as usize / 2 * row;
        let last = self.data.len() - half;
        let (upper, lower) = self.data.split_at_mut(last);
        let lines = upper.chunks_exact_mut(row).zip(lower.chunks_exact_mut(row).rev());
        lines.for_each(|(above, below)| above.swap_with_slice(below));
    }

    /// Rows become columns.
    pub fn transpose(self) -> Pixels {
        let mut turned = Pixels::new(self.height, self.width, self.channels);
        let (channels, row) = (self.channels, turned.row());
        for (y, line) in self.data.chunks_exact(self.row()).enumerate() {
            for (x, pixel) in line.chunks_exact(channels).enumerate() {
                let at = x * row + y * channels;
                turned.data[at..at + channels].copy_from_slice(pixel);
            }
        }
        turned
    }

    /// Each pixel as red, green, blue and alpha.
    pub fn colours(&self) -> impl Iterator<Item = [u8; 4]> + Clone {
        self.data.chunks_exact(self.channels).map(|pixel| match *pixel {
            [grey] => [grey, grey, grey, 255],
            [grey, alpha] => [grey, grey, grey, alpha],
            [red, green, blue] => [red, green, blue, 255],
            [red, green, blue, alpha] => [red, green, blue, alpha],
            _ => [0, 0, 0, 0],
        })
    }

    /// On white, for kinds that know no transparency.
    pub fn opaque(self) -> Pixels {
        if !self.transparent() {
            return self;
        }
        let Pixels { width, height, channels, mut data } = self;
        let kept = channels - 1;
        for pixel in 0..data.len() / channels {
            let alpha = u16::from(data[pixel * channels + kept]);
            for channel in 0..kept {
                let colour = u16::from(data[pixel * channels + channel]);
                data[pixel * kept + channel] = ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
            }
        }
        data.truncate(width as usize * height as usize * kept);
        Pixels { width, height, channels: kept, data }
    }

    /// With a channel for transparency.
    pub fn clear(self) -> Pixels {
        if self.transparent() {
            return self;
        }
        let mut data = Vec::with_capacity(self.data.len() / self.channels * (self.channels + 1));
        for pixel in self.data.chunks_exact(self.channels) {
            data.extend_from_slice(pixel);
            data.push(255);
        }
        Pixels { data, channels: self.channels + 1, ..self }
    }

    /// In the middle of a larger picture of one value.
    pub fn middle(self, (width, height): (u32, u32), value: u8) -> Pixels {
        let mut larger = Pixels::new(width, height, self.channels);
        larger.data.fill(value);
        let (row, wide) = (self.row(), larger.row());
        let left = (width.saturating_sub(self.width) / 2) as usize * self.channels;
        let top = (height.saturating_sub(self.height) / 2) as usize;
        let lines = larger.data.chunks_exact_mut(wide).skip(top);
        for (line, drawn) in lines.zip(self.data.chunks_exact(row)) {
            line[left..left + row].copy_from_slice(drawn);
        }
        larger
    }

    /// With red, green and blue, for kinds that know no grey.
    pub fn coloured(self) -> Pixels {
        if self.channels > 2 {
            return self;
        }
        let channels = self.channels + 2;
        let data = self.colours().flat_map(|colour| colour.into_iter().take(channels)).collect();
        Pixels { width: self.width, height: self.height, channels, data }
    }

    /// A part of the picture in another size.
    pub fn resize(mut self, part: Part, width: u32, height: u32) -> Result<Pixels, Refused> {
        // It is made narrower first, then lower.
        let narrow = u64::from(width) * (u64::from(self.height) + u64::from(height));
        if self.data.len() as u64 + narrow * self.channels as u64 > limits::MEMORY {
            return Err(Refused::TooManyPixels);
        }
        if self.transparent() {
            let mut view = Image::from_slice_u8(self.width, self.height, &mut self.data, kind(self.channels))
                .map_err(|_| Refused::Broken)?;
            MulDiv::new().multiply_alpha_inplace(&mut view).map_err(|_| Refused::Broken)?;
        }
        let mut small = self.shrink(part, width, height)?;
        if self.transparent() {
            MulDiv::new().divide_alpha_inplace(&mut small).map_err(|_| Refused::Broken)?;
        }
        Ok(Pixels { width, height, channels: self.channels, data: small.into_vec() })
    }

    /// A small copy to tell the colours from.
    pub fn thumbnail(&self, width: u32, height: u32) -> Result<Pixels, Refused> {
        let whole =
            Part { left: 0.0, top: 0.0, width: f64::from(self.width), height: f64::from(self.height) };
        let small = self.shrink(whole, width, height)?;
        Ok(Pixels { width, height, channels: self.channels, data: small.into_vec() })
    }

    fn shrink(&self, part: Part, width: u32, height: u32) -> Result<Image<'static>, Refused> {
        let source = ImageRef::new(self.width, self.height, &self.data, kind(self.channels))
            .map_err(|_| Refused::Broken)?;
        let mut small = Image::new(width, height, kind(self.channels));
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
            .crop(part.left, part.top, part.width, part.height)
            .use_alpha(false);
        Resizer::new().resize(&source, &mut small, &options).map_err(|_| Refused::Broken)?;
        Ok(small)
    }
}

fn kind(channels: usize) -> PixelType {
    match channels {
        1 => PixelType::U8,
        2 => PixelType::U8x2,
        3 => PixelType::U8x3,
        _ => PixelType::U8x4,
    }
}
