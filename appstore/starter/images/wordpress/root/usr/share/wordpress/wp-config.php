<?php
// Settings come from the container's environment; see start-wordpress.
define('DB_HOST', getenv('WORDPRESS_DB_HOST'));
define('DB_NAME', getenv('WORDPRESS_DB_NAME'));
define('DB_USER', getenv('WORDPRESS_DB_USER'));
define('DB_PASSWORD', getenv('WORDPRESS_DB_PASSWORD'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
require '/data/keys.php';
$table_prefix = 'wp_';

// A box at home is reached by several names; the page answers under the one that was asked for.
if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') {
    $_SERVER['HTTPS'] = 'on';
}
$url = getenv('WORDPRESS_URL') ?: '';
$host = $_SERVER['HTTP_X_FORWARDED_HOST'] ?? $_SERVER['HTTP_HOST'] ?? '';
if ($url === '' && preg_match('/^[A-Za-z0-9.-]+(:\d+)?$|^\[[0-9A-Fa-f:]+\](:\d+)?$/', $host)) {
    $url = (($_SERVER['HTTPS'] ?? '') === 'on' ? 'https://' : 'http://') . $host;
}
if ($url !== '') {
    define('WP_HOME', $url);
    define('WP_SITEURL', $url);
    define('WP_CONTENT_URL', $url . '/wp-content');
}

define('WP_CONTENT_DIR', '/data/wp-content');
define('FS_METHOD', 'direct');
// WordPress itself is replaced with its image, never by itself.
define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_AUTO_UPDATE_CORE', false);
define('WP_DEBUG', false);

// The web server passes every address to WordPress, so permanent links need no "index.php" in them.
$wp_filter = ['got_url_rewrite' => [10 => ['web server' => ['function' => '__return_true', 'accepted_args' => 0]]]];

if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
