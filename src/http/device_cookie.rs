//! The device cookie: a browser that has signed in to an account before.
use poem::{Request, RequestBody, http::header};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::{
    operation::{Argument, DeclareArgument, Operation},
    session_cookie::{self, CookieSite},
};
use crate::domain::secret::Secret;

pub const COOKIE_NAME: &str = "__Host-device";

/// How long browsers store the cookie, in seconds: one year.
pub const MAX_AGE: u32 = 365 * 24 * 3600;

/// Returns the `Set-Cookie` header of a device.
pub fn set_cookie(value: &Secret<String>, site: CookieSite) -> Secret<String> {
    Secret::new(session_cookie::header(COOKIE_NAME, value.expose(), MAX_AGE, site))
}

/// Extracts the value of the device cookie, not yet verified; `None` if there is none or more than one.
pub struct DeviceCookie(pub Option<Secret<String>>);

/// The cookie is optional and set by the service itself, so the OpenAPI document does not declare it as a parameter.
impl DeclareArgument for DeviceCookie {
    fn declare(_: &mut Operation, _: Argument) {}
}

impl<'a> ApiExtractor<'a> for DeviceCookie {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let headers = request.headers().get_all(header::COOKIE).iter();
        let headers = headers.filter_map(|value| value.to_str().ok());
        let mut values = session_cookie::values(headers, COOKIE_NAME);
        Ok(DeviceCookie(match (values.next(), values.next()) {
            (Some(value), None) => Some(Secret::new(value.to_owned())),
            _ => None,
        }))
    }
}
