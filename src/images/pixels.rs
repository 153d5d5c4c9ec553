//! Pixels of a decoded image, eight bits per channel.
use fast_image_resize::{
    FilterType, MulDiv, PixelTrait, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::{U8, U8x2, U8x3, U8x4},
};

use super::{ImageError, Limits};

/// An image with one to four channels: gray, gray and alpha, RGB, or RGBA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    pub width: u32,
    pub height: u32,
    pub channels: usize,
    pub data: Vec<u8>,
}

/// A rectangle of an image, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
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

    pub fn has_alpha(&self) -> bool {
        self.channels.is_multiple_of(2)
    }

    fn row_len(&self) -> usize {
        self.width as usize * self.channels
    }

    /// Swaps left and right.
    pub fn mirror(&mut self) {
        let (row, channels) = (self.row_len(), self.channels);
        for row_pixels in self.data.chunks_exact_mut(row) {
            row_pixels.reverse();
            row_pixels.chunks_exact_mut(channels).for_each(<[u8]>::reverse);
        }
    }

    /// Swaps top and bottom.
    pub fn flip(&mut self) {
        let row = self.row_len();
        let half = self.height as usize / 2 * row;
        let last = self.data.len() - half;
        let (upper, lower) = self.data.split_at_mut(last);
        let lines = upper.chunks_exact_mut(row).zip(lower.chunks_exact_mut(row).rev());
        lines.for_each(|(above, below)| above.swap_with_slice(below));
    }

    /// Swaps rows and columns.
    pub fn transpose(self) -> Pixels {
        let mut transposed = Pixels::new(self.height, self.width, self.channels);
        let (channels, row) = (self.channels, transposed.row_len());
        for (y, row_pixels) in self.data.chunks_exact(self.row_len()).enumerate() {
            for (x, pixel) in row_pixels.chunks_exact(channels).enumerate() {
                let at = x * row + y * channels;
                transposed.data[at..at + channels].copy_from_slice(pixel);
            }
        }
        transposed
    }

    /// Iterates over the pixels as RGBA.
    pub fn rgba(&self) -> impl Iterator<Item = [u8; 4]> + Clone {
        self.data.chunks_exact(self.channels).map(|pixel| match *pixel {
            [gray] => [gray, gray, gray, 255],
            [gray, alpha] => [gray, gray, gray, alpha],
            [red, green, blue] => [red, green, blue, 255],
            [red, green, blue, alpha] => [red, green, blue, alpha],
            _ => [0, 0, 0, 0],
        })
    }

    /// Removes the alpha channel by compositing on white, for formats without transparency.
    pub fn flatten_on_white(self) -> Pixels {
        if !self.has_alpha() {
            return self;
        }
        let Pixels { width, height, channels, mut data } = self;
        let opaque_channels = channels - 1;
        for pixel in 0..data.len() / channels {
            let alpha = u16::from(data[pixel * channels + opaque_channels]);
            for channel in 0..opaque_channels {
                let color = u16::from(data[pixel * channels + channel]);
                data[pixel * opaque_channels + channel] =
                    ((color * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
            }
        }
        data.truncate(width as usize * height as usize * opaque_channels);
        Pixels { width, height, channels: opaque_channels, data }
    }

    /// Adds an opaque alpha channel, if there is none.
    pub fn with_alpha(self) -> Pixels {
        if self.has_alpha() {
            return self;
        }
        let mut data = Vec::with_capacity(self.data.len() / self.channels * (self.channels + 1));
        for pixel in self.data.chunks_exact(self.channels) {
            data.extend_from_slice(pixel);
            data.push(255);
        }
        Pixels { data, channels: self.channels + 1, ..self }
    }

    /// Centers the image on a larger canvas that is filled with one value.
    pub fn centered_on(self, (width, height): (u32, u32), value: u8) -> Pixels {
        let mut canvas = Pixels::new(width, height, self.channels);
        canvas.data.fill(value);
        let (row, canvas_row_len) = (self.row_len(), canvas.row_len());
        let left = (width.saturating_sub(self.width) / 2) as usize * self.channels;
        let top = (height.saturating_sub(self.height) / 2) as usize;
        let lines = canvas.data.chunks_exact_mut(canvas_row_len).skip(top);
        for (row_pixels, drawn) in lines.zip(self.data.chunks_exact(row)) {
            row_pixels[left..left + row].copy_from_slice(drawn);
        }
        canvas
    }

    /// Draws RGBA pixels on an RGBA image. `mix` returns a color from the color of this image and that of `part`.
    /// Pixels outside of this image are omitted.
    pub fn draw(&mut self, part: &Pixels, left: u32, top: u32, mix: fn([u8; 4], [u8; 4]) -> [u8; 4]) {
        let (row, part_row) = (self.row_len(), part.row_len());
        let start = (left as usize * 4).min(row);
        for (line, drawn) in
            self.data.chunks_exact_mut(row).skip(top as usize).zip(part.data.chunks_exact(part_row))
        {
            for (below, above) in
                line[start..].as_chunks_mut::<4>().0.iter_mut().zip(drawn.as_chunks::<4>().0)
            {
                *below = mix(*below, *above);
            }
        }
    }

    /// Converts gray to RGB, for formats without gray.
    pub fn into_rgb(self) -> Pixels {
        if self.channels > 2 {
            return self;
        }
        let channels = self.channels + 2;
        let data = self.rgba().flat_map(|color| color.into_iter().take(channels)).collect();
        Pixels { width: self.width, height: self.height, channels, data }
    }

    /// Crops and resizes the image.
    pub fn resize(
        mut self,
        crop: Crop,
        width: u32,
        height: u32,
        limits: &Limits,
    ) -> Result<Pixels, ImageError> {
        // The resizer scales horizontally first, so an intermediate image has the new width and the old height.
        let intermediate = u64::from(width) * (u64::from(self.height) + u64::from(height));
        if self.data.len() as u64 + intermediate * self.channels as u64 > limits.memory() {
            return Err(ImageError::TooManyPixels);
        }
        match self.channels {
            2 => self.multiply_alpha::<U8x2>()?,
            4 => self.multiply_alpha::<U8x4>()?,
            _ => {}
        }
        let mut resized = self.scale(crop, width, height)?;
        match self.channels {
            2 => resized.divide_alpha::<U8x2>()?,
            4 => resized.divide_alpha::<U8x4>()?,
            _ => {}
        }
        Ok(resized)
    }

    fn multiply_alpha<P: PixelTrait>(&mut self) -> Result<(), ImageError> {
        MulDiv::new().multiply_alpha_inplace_typed(&mut self.view::<P>()?).map_err(|_| ImageError::Corrupt)
    }

    fn divide_alpha<P: PixelTrait>(&mut self) -> Result<(), ImageError> {
        MulDiv::new().divide_alpha_inplace_typed(&mut self.view::<P>()?).map_err(|_| ImageError::Corrupt)
    }

    fn view<P: PixelTrait>(&mut self) -> Result<TypedImage<'_, P>, ImageError> {
        TypedImage::from_buffer(self.width, self.height, &mut self.data).map_err(|_| ImageError::Corrupt)
    }

    /// Returns a small copy, for the BlurHash.
    pub fn thumbnail(&self, width: u32, height: u32) -> Result<Pixels, ImageError> {
        let full = Crop { left: 0.0, top: 0.0, width: f64::from(self.width), height: f64::from(self.height) };
        self.scale(full, width, height)
    }

    fn scale(&self, crop: Crop, width: u32, height: u32) -> Result<Pixels, ImageError> {
        match self.channels {
            1 => self.scale_typed::<U8>(crop, width, height),
            2 => self.scale_typed::<U8x2>(crop, width, height),
            3 => self.scale_typed::<U8x3>(crop, width, height),
            _ => self.scale_typed::<U8x4>(crop, width, height),
        }
    }

    /// Scales with the code for one type of pixels. The function for any type contains the code for all, 2 MB.
    fn scale_typed<P: PixelTrait>(&self, crop: Crop, width: u32, height: u32) -> Result<Pixels, ImageError> {
        let source = TypedImageRef::<P>::from_buffer(self.width, self.height, &self.data)
            .map_err(|_| ImageError::Corrupt)?;
        let mut resized = Pixels::new(width, height, self.channels);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
            .crop(crop.left, crop.top, crop.width, crop.height)
            .use_alpha(false);
        Resizer::new()
            .resize_typed(&source, &mut resized.view::<P>()?, &options)
            .map_err(|_| ImageError::Corrupt)?;
        Ok(resized)
    }
}
