"""Secrets are known by their usual names, in any way of writing; what only sounds like one is shown."""

import pytest

from app.database.secrets import is_secret


def _words(text: str) -> list[str]:
    return text.split()


SECRET = _words(
    """
    pwd pass pass2 passwd pswd psw pword passwrd pw pw_hash pwhash passhash pass_hash PassWord
    userPassword user_pwd userpass user_pass dbpass db_pw smtp_pass mailpass wifi_pass adminpw
    ftpPass http_pass last_password old_password password2 password_hint passphrase pass_key passkey
    passcode secret client_secret secretKey private_key privkey priv_key rsa_key aes_key hmac_key
    ssl_key signingKey activation_key user_activation_key reset_key encryption_key master_key
    unlock_key wrapped_key api_key apikey token authtoken auth_token accessToken access_tokens
    refreshtoken refresh_tokens bearer_token sessiontoken csrftoken device_token pushtoken
    token_secret token_data rememberToken authorization jwt totp otp otp_seed totpseed totp_secret
    mfa_code 2fa_code security_code login_code sms_code invitation_code invite_code
    confirmation_code recovery_codes pin PIN_hash pincode puk psk cvv cvv2 cvc sessionid session_id
    phpsessid sess_id sid cookie cookies salt nonce mnemonic seed_words seedphrase wallet_seed xprv
    bcrypt argon2_hash scrypt ciphertext cipher_text encrypted_value card_number_encrypted
    value_encrypted auth_data auth_string srp_verifier contraseña contrasena mot_de_passe motdepasse
    mdp Kennwort Passwort passord lösenord heslo hasło senha şifre jelszó пароль 密码 パスワード 비밀번호
    """
)
OPEN = _words(
    """
    name label passenger compass bypass passing_grade passage spin opinion pinned keyboard keyword
    primary_key foreign_key sort_key cache_key is_encrypted has_password password_changed_at
    password_change password_date last_password_change token_count token_type secretary
    password_expires hash_algorithm author authority authored session_count cookie_name saltwater
    next seeded_at seedling code status country_code zip_code email phone note description
    created_at key value data content encrypted_at failed_login_attempts two_factor_enabled otp_used
    pin_tries cipher_name
    """
)


@pytest.mark.parametrize("column", SECRET)
def test_a_secret_is_known_by_its_name(column: str) -> None:
    assert is_secret("users", column, "TEXT")
    assert is_secret("users", column.upper() if "_" in column else column, "")


@pytest.mark.parametrize("column", OPEN)
def test_what_only_sounds_like_a_secret_is_shown(column: str) -> None:
    assert not is_secret("things", column, "TEXT")


@pytest.mark.parametrize("table", ["keyring", "wallets", "ciphers", "oauth_tokens", "auth_sessions", "mfa"])
@pytest.mark.parametrize("column", ["value", "data", "blob", "content", "payload", "key"])
def test_a_table_of_secrets_keeps_them_under_any_name(table: str, column: str) -> None:
    assert is_secret(table, column, "TEXT")
    assert not is_secret(table, column, "INTEGER")


@pytest.mark.parametrize("column", ["session_id", "encrypted", "auth", "seed"])
def test_a_number_only_refers_to_a_secret(column: str) -> None:
    assert is_secret("orders", column, "TEXT")
    assert not is_secret("orders", column, "INTEGER")
