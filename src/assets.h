/* assets.h - the files of src/assets, built into the module as NUL-terminated text. */
#ifndef CIVIC_ASSETS_H
#define CIVIC_ASSETS_H

extern const char civic_asset_login_html[];
extern const char civic_asset_message_html[];
extern const char civic_asset_frame_html[];
extern const char civic_asset_logout_html[];
extern const char civic_asset_status_html[];
extern const char civic_asset_link_html[];
extern const char civic_asset_codes_html[];
extern const char civic_asset_recovery_html[];
extern const char civic_asset_login_js[];
extern const char civic_asset_page_css[];
extern const char civic_asset_form_js[];
extern const char civic_asset_button_js[];
extern const char civic_asset_done_html[];
extern const char civic_asset_done_js[];
extern const char civic_asset_status_css[];
extern const char civic_asset_factor_css[];

/** Changes whenever one of them does: part of their URLs, so that caches never mix versions.
 */
extern const char civic_asset_version[];

#endif
